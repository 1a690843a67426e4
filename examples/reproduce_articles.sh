#!/usr/bin/env bash
# Runs the articles' experiments again: examples/reproduce_articles.sh FOLDER CELEBA
#
# CELEBA holds img_align_celeba.zip, identity_CelebA.txt and list_attr_celeba.txt. FOLDER gets the
# face set, the four models and all their sheets, plots and numbers. Hours on two cores; whatever
# stops it, the same command goes on where it was. EPOCHS (24, as the articles) can be fewer.
set -euo pipefail
folder=${1:?"name a folder for the results"}
celeba=${2:?"name the folder of img_align_celeba.zip"}
epochs=${EPOCHS:-24}
mkdir -p "$folder"
cd "$folder"

# make FILE COMMAND...: runs a command that writes FILE, unless an earlier run has.
make() {
    local file=$1
    shift
    [ -e "$file" ] || "$@"
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

# numbers NAME COMMAND...: keeps the JSON that a command prints in NAME.json.
numbers() {
    local name=$1
    shift
    [ -e "$name.json" ] || { "$@" --json > "$name.tmp" && mv "$name.tmp" "$name.json"; }
}

make faces.h5 facegen prepare "$celeba/img_align_celeba.zip" -o faces.h5 \
    --identities "$celeba/identity_CelebA.txt" --attributes "$celeba/list_attr_celeba.txt" \
    --test-count 2500

# Articles X and XIII: the VAE, the VAE with next to no KL loss, the AE; XI: the large AE.
train vae
train vae-tiny --kl-weight 1e-5
train ae --kind ae
train ae-1600 --kind ae --latent-dim 1600 --filters 64,64,128,128 --kernels 5,5,3,3

for model in vae vae-tiny ae ae-1600; do
    make "$model.h5" facegen encode faces.h5 -o "$model.h5" --weights "$model" --seed 1
    # Article XI: reconstructions of people that the model has seen, and of others.
    for split in train test; do
        make "$model-reconstructed-$split.png" facegen reconstruct faces.h5 --weights "$model" \
            --split "$split" --n 14 --seed 1 -o "$model-reconstructed-$split.png" --force
    done
done

for model in vae vae-tiny ae; do
    # Article XI: faces from normal points and from uniform ones; sharpened.
    make "$model-normal.png" facegen generate --weights "$model" --n 28 --seed 1 \
        -o "$model-normal.png"
    make "$model-uniform-r10.png" facegen generate --weights "$model" --n 7 --seed 1 \
        --sweep 0.5,1,1.5,2,2.5,3,3.5,5,8,10 -o "$model-uniform.png" --force
    for factor in 0 3 6 7; do
        make "$model-sharpness-$factor.png" facegen sharpen "$model-normal.png" \
            --sharpen "$factor" -o "$model-sharpness-$factor.png"
    done
    # Article XIII: radii, coordinates, clusters, islands.
    numbers "$model-coordinates" facegen analyze coordinates "$model.h5" -o "$model-coordinates.png"
    numbers "$model-clusters" facegen analyze clusters "$model.h5" -o "$model-clusters.png"
    numbers "$model-tsne-30" facegen analyze tsne "$model.h5" --n 20000 --seed 1 \
        --perplexity 30 --early-exaggeration 12 -o "$model-tsne-30.png"
    numbers "$model-tsne-10" facegen analyze tsne "$model.h5" --n 20000 --seed 1 \
        --perplexity 10 --early-exaggeration 16 -o "$model-tsne-10.png"
done
numbers radius facegen analyze radius vae.h5 vae-tiny.h5 ae.h5 -o radius.png
numbers vae-logvar facegen analyze logvar vae.h5 -o vae-logvar.png
numbers vae-tiny-logvar facegen analyze logvar vae-tiny.h5 -o vae-tiny-logvar.png
