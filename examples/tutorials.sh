#!/usr/bin/env bash
# Makes the pictures of the tutorials: examples/tutorials.sh FOLDER PICTURES
#
# PICTURES is docs/tutorials; FOLDER keeps the face set, the models and the store. No photos are
# needed: generated faces stand for them. Whatever stops it, the same command goes on, and once the
# models are there it takes a minute; with another default model, begin with an empty FOLDER. Needs
# facegen[train].
set -euo pipefail
folder=${1:?"name a folder for the models"}
mkdir -p "$folder" "${2:?"name the folder of the pictures"}"
pictures=$(cd "$2" && pwd)
cd "$folder"

# make FILE COMMAND...: runs a command that writes FILE, unless an earlier run has.
make() {
    local file=$1
    shift
    [ -e "$file" ] || "$@"
}

# draw NAME OPTIONS of generate: a small WebP, with the sheet's provenance and mark.
draw() {
    local name=$1
    shift
    facegen generate --quiet --force "$@" -o "$name.png" > /dev/null
    facegen sharpen --quiet --force "$name.png" --sharpen 1 -o "$pictures/$name.webp"
}

# photos.md: 500 faces that smile, and a model that began with the default one.
make smiling facegen generate --n 500 --seed 1 --attribute Smiling=2 --individual smiling
make faces.h5 facegen prepare smiling/ -o faces.h5
if [ ! -e model/config.json ] && [ -e model/checkpoint.h5 ]; then
    facegen train faces.h5 -o model --resume
else
    make model/config.json facegen train faces.h5 -o model --seed 1 \
        --start-from default --learning-rate 1e-4 --batch-size 32 --epochs 10
fi
draw photos --n 7 --seed 1 --attribute Smiling=2
draw before --n 7 --seed 3 --decoder plain
draw after --n 7 --seed 3 --weights model --decoder plain
make smiling.h5 facegen encode faces.h5 --weights model --seed 1 -o smiling.h5
make directions.h5 facegen attributes smiling.h5 --unsupervised --weights model -o directions.h5
moved=(--n 7 --seed 3 --weights model --decoder plain --attributes directions.h5)
draw less "${moved[@]}" --attribute pc-1=-3
draw more "${moved[@]}" --attribute pc-1=3

# every-night.md
draw sheet --n 14 --seed 20261124

# articles.md
make new.h5 facegen generate --n 1000 --seed 1 -o new.h5
make latents.h5 facegen encode new.h5 --seed 1 -o latents.h5
facegen analyze radius latents.h5 --force -o "$pictures/radius.png"
for r in 0.5 1.5 2.5 5; do
    draw "r$r" --n 7 --seed 7 --decoder plain --r-limit "$r"
done
