#!/usr/bin/env bash
# Makes the pictures of the README's gallery: examples/gallery.sh FOLDER
set -euo pipefail
folder=${1:?"name a folder for the pictures"}
mkdir -p "$folder"
generate() { facegen generate --quiet --force "$@"; }

generate --seed 11 --n 28 -o "$folder/normal.png"
# The same points through both decoders, and sharpened.
for decoder in plain crisp; do
    generate --seed 11 --n 7 --decoder "$decoder" -o "$folder/$decoder.png"
done
for factor in 0 3 6 7; do
    generate --seed 11 --n 7 --decoder plain --sharpen "$factor" -o "$folder/sharpness-$factor.png"
done
generate --seed 11 --n 7 --decoder plain --unsharp 2,150,3 -o "$folder/unsharp.png"
# The same directions, further and further from the origin.
generate --seed 7 --n 7 --sweep 0.5,1,1.5,2,2.5,3,3.5,5,8 -o "$folder/sweep.png"
# What can be done with points.
facegen edit seed:11:15,21,27 --attribute Smiling=2 --without Male --force -o "$folder/smiling.png"
facegen morph seed:11:9 seed:11:15 seed:11:27 --steps 24 --force -o "$folder/morph.webp"
