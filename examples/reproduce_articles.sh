#!/usr/bin/env bash
# Runs the articles' experiments again: examples/reproduce_articles.sh FOLDER CELEBA
#
# CELEBA holds img_align_celeba.zip, identity_CelebA.txt and list_attr_celeba.txt. FOLDER gets the
# face set, the four models and all their sheets, plots and numbers. Hours on two cores; whatever
# stops it, the same command goes on where it was. EPOCHS (24, as the articles) can be fewer.
# Judging faces needs pip install 'facegen[quality]'.
set -euo pipefail
examples=$(cd "$(dirname "$0")" && pwd)
folder=${1:?"name a folder for the results"}
celeba=$(cd "${2:?"name the folder of img_align_celeba.zip"}" && pwd)
epochs=${EPOCHS:-24}
mkdir -p "$folder"
cd "$folder"

# make FILE COMMAND...: runs a command that writes FILE, unless an earlier run has.
make() {
    local file=$1
    shift
    [ -e "$file" ] || "$@"
}

# print FILE COMMAND...: keeps what a command prints in FILE.
print() {
    local file=$1
    shift
    [ -e "$file" ] || { "$@" > "$file.tmp" && mv "$file.tmp" "$file"; }
}

# train NAME OPTIONS...: a model, from its last checkpoint if there is one.
train() {
    local name=$1
    shift
    [ -e "$name/config.json" ] && return
    if [ -e "$name/checkpoint.h5" ]; then
        facegen train faces.h5 -o "$name" --resume --epochs "$epochs"
    else
        facegen train faces.h5 -o "$name" --seed 1 --epochs "$epochs" "$@"
    fi
}

# reconstruct NAME: article XI, people that the model has seen, and others.
reconstruct() {
    local name=$1 split
    for split in train test; do
        make "$name-$split.png" facegen reconstruct faces.h5 --weights "$name" \
            --split "$split" --n 14 --seed 1 -o "$name-$split.png"
    done
}

# generate NAME: article XI, faces from points.
generate() {
    local name=$1 factor kind
    make "$name.h5" facegen encode faces.h5 -o "$name.h5" --weights "$name" --seed 1
    reconstruct "$name"

    make "$name-normal.png" facegen generate --weights "$name" --seed 1 -o "$name-normal.png"
    make "$name-uniform-r10.png" facegen generate --weights "$name" --seed 1 --n 7 \
        --sweep 0.5,1,1.5,2,2.5,3,3.5,5,8,10 -o "$name-uniform.png" --force
    for factor in 0 3 6 7; do
        make "$name-sharpness-$factor.png" facegen sharpen "$name-normal.png" \
            --sharpen "$factor" -o "$name-sharpness-$factor.png"
    done
    # Not in the articles: points of a distribution fitted to the encoded faces.
    mkdir -p "$name-samplers"
    for kind in gaussian mixture; do
        make "$name-samplers/$kind.h5" facegen fit "$name.h5" --kind "$kind" \
            -o "$name-samplers/$kind.h5"
        make "$name-$kind.png" facegen generate --weights "$name" --seed 1 \
            --sampler "$name-samplers/$kind.h5" -o "$name-$kind.png"
    done
}

# analyze NAME: article XIII, what the points are like.
analyze() {
    local name=$1
    print "$name-coordinates.json" facegen analyze coordinates "$name.h5" --json \
        -o "$name-coordinates.png" --force
    print "$name-pca.json" facegen analyze pca "$name.h5" --json -o "$name-pca.png" --force
    print "$name-clusters.json" facegen analyze clusters "$name.h5" --json \
        -o "$name-clusters.png" --force
    print "$name-tsne-30.json" facegen analyze tsne "$name.h5" --json --colour Male \
        --perplexity 30 --early-exaggeration 12 -o "$name-tsne-30.png" --force
    print "$name-tsne-10.json" facegen analyze tsne "$name.h5" --json --colour Male \
        --perplexity 10 --early-exaggeration 16 -o "$name-tsne-10.png" --force
}

# What two networks make of the faces, for every way to choose points.
detect() {
    print "$1-samplers.md" python "$examples/sampler_table.py" faces.h5 "$1.h5" --weights "$1" \
        --n 100 --folder "$1-samplers"
}

make faces.h5 facegen prepare "$celeba/img_align_celeba.zip" -o faces.h5 \
    --identities "$celeba/identity_CelebA.txt" --attributes "$celeba/list_attr_celeba.txt" \
    --test-count 2500

# The articles' losses: a KL weight of 5, next to none, and none at all (an AE).
train vae
train vae-tiny --kl-weight 1e-5
train ae --kind ae
# A VAE has batch norm, an AE has not: one more VAE without it tells what it does.
train vae-tiny-nobn --kl-weight 1e-5 --no-batch-norm

for name in vae vae-tiny ae vae-tiny-nobn; do
    generate "$name"
    detect "$name"
done
for name in vae vae-tiny vae-tiny-nobn; do
    print "$name-logvar.json" facegen analyze logvar "$name.h5" --json \
        -o "$name-logvar.png" --force
done
for name in vae vae-tiny ae; do
    analyze "$name"
done
# Smear-out or fragments: the same held-out faces, each model with its own decoder.
print neighbours.json facegen analyze neighbours vae.h5 vae-tiny.h5 ae.h5 --json --weights vae \
    --weights vae-tiny --weights ae -o neighbours.png --sheet neighbours-sheet.png --force
print radius.json facegen analyze radius vae.h5 vae-tiny.h5 vae-tiny-nobn.h5 ae.h5 --json \
    -o radius.png --force

# Article XI: a larger autoencoder for reconstructions.
train ae-1600 --kind ae --latent-dim 1600 --filters 64,64,128,128 --kernels 5,5,3,3
reconstruct ae-1600
