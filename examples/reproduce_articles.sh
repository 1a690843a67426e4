#!/usr/bin/env bash
# Runs the articles' experiments again: examples/reproduce_articles.sh FOLDER CELEBA [PART...]
#
# CELEBA holds img_align_celeba.zip, identity_CelebA.txt and list_attr_celeba.txt. FOLDER gets the
# face set, the models and all their sheets, plots and numbers. All parts take a night on two cores;
# whatever stops them, the same command goes on where it was. EPOCHS (24, as the articles) can be
# fewer. Needs pip install 'facegen[train,quality,tsne]'.
#
#   default    what the articles do, and an autoencoder of 1,600 dimensions
#   controls   autoencoder and VAE with next to no KL loss, with and without batch normalisation and
#              the limit on epsilon, three seeds each
#   weights    how the KL loss confines: eight factors
#   networks   upsampling, bfloat16, a dense layer (examples/compare_networks.sh)
#   neighbours what lies around a face: the VAE beside the autoencoder
set -euo pipefail
examples=$(cd "$(dirname "$0")" && pwd)
folder=${1:?"name a folder for the results"}
celeba=$(cd "${2:?"name the folder of img_align_celeba.zip"}" && pwd)
epochs=${EPOCHS:-24}
parts=("${@:3}")
[ ${#parts[@]} -gt 0 ] || parts=(default controls weights networks neighbours)
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

# train NAME SEED OPTIONS...: a model, from its last checkpoint if there is one, and its points.
train() {
    local name=$1 seed=$2
    shift 2
    if [ ! -e "$name/config.json" ]; then
        if [ -e "$name/checkpoint.h5" ]; then
            facegen train faces.h5 -o "$name" --resume --epochs "$epochs"
        else
            facegen train faces.h5 -o "$name" --seed "$seed" --epochs "$epochs" "$@"
        fi
    fi
    make "$name.h5" facegen encode faces.h5 -o "$name.h5" --weights "$name" --seed 1
}

# measure NAME: article XIII, what the points are like.
measure() {
    local name=$1
    print "$name-radius-z.json" facegen analyze radius "$name.h5" --json
    print "$name-radius-mu.json" facegen analyze radius "$name.h5" --points mu --json
    print "$name-coordinates.json" facegen analyze coordinates "$name.h5" --json \
        -o "$name-coordinates.png" --force
    print "$name-pca.json" facegen analyze pca "$name.h5" --json -o "$name-pca.png" --force
    case $name in
        ae*) ;;
        *) print "$name-logvar.json" facegen analyze logvar "$name.h5" --json \
            -o "$name-logvar.png" --force ;;
    esac
}

# group NAME: article XIII, are the points in clusters?
group() {
    local name=$1 points
    for points in mu z; do
        print "$name-clusters-$points.json" facegen analyze clusters "$name.h5" --json \
            --points "$points" -o "$name-clusters-$points.png" --force
    done
    print "$name-tsne-30.json" facegen analyze tsne "$name.h5" --json --colour Male \
        --perplexity 30 --early-exaggeration 12 -o "$name-tsne-30.png" --force
    print "$name-tsne-10.json" facegen analyze tsne "$name.h5" --json --colour Male \
        --perplexity 10 --early-exaggeration 16 -o "$name-tsne-10.png" --force
}

# sheets NAME: article XI, faces from points, and from a Gaussian fitted to the encoded faces.
sheets() {
    local name=$1
    make "$name-normal.png" facegen generate --weights "$name" --seed 1 --decoder plain \
        -o "$name-normal.png"
    make "$name-gaussian.h5" facegen fit "$name.h5" -o "$name-gaussian.h5"
    make "$name-gaussian.png" facegen generate --weights "$name" --seed 1 --decoder plain \
        --sampler "$name-gaussian.h5" -o "$name-gaussian.png"
}

# sweep NAME: article XI, uniform points further and further out, and sharpening.
sweep() {
    local name=$1 factor
    make "$name-uniform-r10.png" facegen generate --weights "$name" --seed 1 --n 7 \
        --decoder plain --sweep 0.5,1,1.5,2,2.5,3,3.5,5,8,10 -o "$name-uniform.png" --force
    for factor in 0 3 6 7; do
        make "$name-sharpness-$factor.png" facegen sharpen "$name-normal.png" \
            --sharpen "$factor" -o "$name-sharpness-$factor.png"
    done
}

# reconstruct NAME: article XI, people that the model has seen, and others.
reconstruct() {
    local name=$1 split
    for split in train test; do
        make "$name-$split.png" facegen reconstruct faces.h5 --weights "$name" --decoder plain \
            --split "$split" --n 14 --seed 1 -o "$name-$split.png"
    done
}

# judge NAME: are faces of normal points, and of the fitted Gaussian, like real ones?
judge() {
    local name=$1
    make "$name-evaluation.json" facegen evaluate faces.h5 --weights "$name" --decoder plain \
        -o "$name-evaluation.json"
    make "$name-new.h5" facegen generate --weights "$name" --seed 1 --decoder plain --n 2000 \
        --sampler "$name-gaussian.h5" -o "$name-new.h5"
    make "$name-gaussian-evaluation.json" facegen evaluate faces.h5 --images "$name-new.h5" \
        -o "$name-gaussian-evaluation.json"
}

# What a network that knows faces makes of them, for every way to choose points.
detect() {
    print "$1-samplers.md" python "$examples/sampler_table.py" faces.h5 "$1.h5" --weights "$1" \
        --decoder plain --n 100 --folder "$1-samplers"
}

part_default() {
    train default 1
    measure default
    group default
    sheets default
    sweep default
    reconstruct default
    detect default
    # Article XI: a larger autoencoder for reconstructions.
    train ae-1600 1 --kind ae --latent-dim 1600 --filters 64,64,128,128 --kernels 5,5,3,3
    reconstruct ae-1600
}

part_controls() {
    local seed name
    for seed in 1 2 3; do
        train "ae-$seed" "$seed" --kind ae
        train "ae-bn-$seed" "$seed" --kind ae --batch-norm
        train "tiny-$seed" "$seed" --kl-weight 1e-5
        train "tiny-nobn-$seed" "$seed" --kl-weight 1e-5 --no-batch-norm
        train "tiny-free-$seed" "$seed" --kl-weight 1e-5 --epsilon-limit 1000
        train "tiny-nobn-free-$seed" "$seed" --kl-weight 1e-5 --no-batch-norm --epsilon-limit 1000
        for name in ae ae-bn tiny tiny-nobn tiny-free tiny-nobn-free; do
            measure "$name-$seed"
            group "$name-$seed"
        done
    done
    print controls-radius.json facegen analyze radius ae-1.h5 ae-bn-1.h5 tiny-1.h5 \
        tiny-nobn-1.h5 --json -o controls-radius.png --force
    for name in ae-1 ae-bn-1 tiny-1 tiny-nobn-1; do
        sheets "$name"
        sweep "$name"
        reconstruct "$name"
        detect "$name"
    done
}

part_weights() {
    local weight name
    train tiny-1 1 --kl-weight 1e-5
    for weight in 0.1 0.5 1.5 3 6; do
        train "kl-$weight" 1 --kl-weight "$weight"
    done
    train vae-1 1
    train mse-0.02 1 --loss mse --kl-weight 0.02
    for name in tiny-1 kl-0.1 kl-0.5 kl-1.5 kl-3 vae-1 kl-6 mse-0.02; do
        measure "$name"
        sheets "$name"
        judge "$name"
    done
}

part_networks() {
    EPOCHS=$epochs ONLY="plain bfloat16 upsampling" "$examples/compare_networks.sh" networks faces.h5
    EPOCHS=$epochs SEEDS=1 ONLY="dense dense-plain" "$examples/compare_networks.sh" networks \
        faces.h5
}

part_neighbours() {
    train vae-1 1
    train ae-1 1 --kind ae
    print neighbours.json facegen analyze neighbours vae-1.h5 ae-1.h5 --weights vae-1 \
        --weights ae-1 --json -o neighbours.png --sheet neighbours-sheet.png --force
}

make faces.h5 facegen prepare "$celeba/img_align_celeba.zip" -o faces.h5 \
    --identities "$celeba/identity_CelebA.txt" --attributes "$celeba/list_attr_celeba.txt" \
    --test-count 2500
for part in "${parts[@]}"; do
    "part_$part"
done
