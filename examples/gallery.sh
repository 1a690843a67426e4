#!/usr/bin/env bash
# Makes the pictures of the README's gallery: examples/gallery.sh FOLDER
set -euo pipefail
folder=${1:?"name a folder for the pictures"}
mkdir -p "$folder"
facegen generate --n 28 --seed 11 --force -o "$folder/normal.png"
facegen generate --n 7 --seed 7 --sweep 0.5,1,1.5,2,2.5,3,3.5,5,8 --force -o "$folder/sweep.png"
for factor in 0 3 6 7; do
    facegen generate --n 7 --seed 11 --sharpen "$factor" --force -o "$folder/sharpness-$factor.png"
done
facegen generate --n 7 --seed 11 --unsharp 2,150,3 --force -o "$folder/unsharp.png"
