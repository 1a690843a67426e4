#!/usr/bin/env bash
# Makes the pictures of the gallery: examples/gallery.sh FOLDER [LATENTS.h5]
#
# LATENTS.h5, the default model's encoded store, is needed for those of fitted samplers.
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
# The same directions, further and further from the origin, through both decoders.
for decoder in plain crisp; do
    generate --seed 7 --n 7 --sweep 0.5,1,1.5,2,2.5,3,3.5,5,8 --decoder "$decoder" \
        -o "$folder/sweep-$decoder.png"
done
# 280 faces of a seed that was named before the training ended. The sheet is 5 MB.
generate --seed 280 --n 280 --columns 14 -o "$folder/faces-280.png"
python -c 'import sys; from PIL import Image; Image.open(sys.argv[1]).save(sys.argv[2], quality=90)' \
    "$folder/faces-280.png" "$folder/faces-280.webp"
# The same seed with other ways to choose points.
generate --seed 11 --n 7 --radius 16 -o "$folder/sampler-radius.png"
generate --seed 11 --n 7 --radius-percentile 5-95 -o "$folder/sampler-percentile.png"
generate --seed 11 --n 7 --truncation 0.7 -o "$folder/sampler-truncation.png"
if [ $# -gt 1 ]; then
    for kind in gaussian mixture; do
        [ -e "$folder/$kind.h5" ] || facegen fit "$2" --kind "$kind" -o "$folder/$kind.h5"
        generate --seed 11 --n 7 --sampler "$folder/$kind.h5" -o "$folder/sampler-$kind.png"
    done
fi
# What can be done with points.
facegen edit seed:11:15,21,27 --attribute pc-4=3 --force -o "$folder/components.png"
facegen edit seed:11:15,21,27 --attribute Smiling=2 --without Male --force -o "$folder/smiling.png"
facegen edit seed:11:15,21,27 --radius 8 --force -o "$folder/radius.png"
facegen morph seed:11:15,21,27,3 --square 5 --force -o "$folder/square.png"
facegen morph seed:11:9 seed:11:15 seed:11:27 --steps 24 --force -o "$folder/morph.webp"
