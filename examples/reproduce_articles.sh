#!/usr/bin/env bash
# Runs the articles' experiments again: examples/reproduce_articles.sh FOLDER CELEBA [PART...]
#
# CELEBA holds img_align_celeba.zip, identity_CelebA.txt and list_attr_celeba.txt. FOLDER gets the
# face set, the models and all their sheets, plots and numbers; numbers.csv has a line for each model.
# All parts take ten hours on two cores; whatever stops them, the same command goes on where it was.
# What fails is told at the end and in failed.txt, and tried again by the same command; the rest is
# done all the same. EPOCHS=24, as the articles, takes three times as long as the 8 of the default.
# Needs pip install 'facegen[train,quality,tsne]'.
#
#   controls   autoencoder and VAE with next to no KL loss, with and without batch normalisation,
#              seed 1
#   neighbours what lies around a face, and a face seen through both: VAE beside autoencoder
#   default    what the articles do with their VAE, with the model that comes with facegen
#   start      500 photos, from scratch and from a trained model (examples/start_from.py)
#   weights    how the KL loss confines: nine factors
#   seeds      the controls and the VAE with seeds 2 and 3
#   epsilon    the VAEs with next to no KL loss without the limit on epsilon, three seeds
#   networks   upsampling, bfloat16, a dense layer (examples/compare_networks.sh)
#   larger     an autoencoder of 1,600 dimensions
#   rate       the VAE with a learning rate of 1e-4
set -euo pipefail
examples=$(cd "$(dirname "$0")" && pwd)
folder=${1:?"name a folder for the results"}
celeba=$(cd "${2:?"name the folder of img_align_celeba.zip"}" && pwd)
epochs=${EPOCHS:-8}
parts=("${@:3}")
[ ${#parts[@]} -gt 0 ] || parts=(controls neighbours default start weights seeds epsilon \
    networks larger rate)
controls=(ae ae-bn tiny tiny-nobn)
unlimited=(tiny-free tiny-nobn-free)
weights=(tiny-1 kl-0.1 kl-0.5 kl-1.5 kl-3 vae-1 kl-6 mse-0.02 mse-1.7)
models=(default "${controls[@]/%/-1}" "${unlimited[@]/%/-1}" "${controls[@]/%/-2}"
    "${unlimited[@]/%/-2}" "${controls[@]/%/-3}" "${unlimited[@]/%/-3}" "${weights[@]:1}" vae-2 vae-3
    ae-1600 rate-1e-4)
mkdir -p "$folder"
cd "$folder"
rm -f failed.txt

# run COMMAND...: one that fails doesn't stop the others, one that is stopped does.
run() {
    local code=0
    "$@" || code=$?
    case $code in
        0 | 3) ;; # done, but for some rows
        129 | 130 | 143) exit "$code" ;;
        *) echo "$code: $*" | tee -a failed.txt >&2 ;;
    esac
}

# make FILE COMMAND...: runs a command that writes FILE, unless an earlier run has.
make() {
    local file=$1
    shift
    [ -e "$file" ] || run "$@"
}

# print FILE COMMAND...: keeps what a command prints in FILE.
print() {
    make "$1" keep "$@"
}

keep() {
    local file=$1 code=0
    shift
    "$@" > "$file.tmp" || code=$?
    [ $code -ne 0 ] && [ $code -ne 3 ] || mv "$file.tmp" "$file"
    return $code
}

# numbers: what is known of all models so far.
numbers() {
    python "$examples/model_numbers.py" . "${models[@]}" > numbers.csv.tmp
    mv numbers.csv.tmp numbers.csv
}

# A store grows in place, so it gets its name when it is whole.
encode() {
    facegen encode faces.h5 -o "$1-part.h5" --weights "$1" --seed 1 && mv "$1-part.h5" "$1.h5"
}

# train NAME SEED OPTIONS...: a model, from its last checkpoint if there is one, and its points.
train() {
    local name=$1 seed=$2
    shift 2
    if [ -e "$name/checkpoint.h5" ]; then
        make "$name/config.json" facegen train faces.h5 -o "$name" --resume --epochs "$epochs"
    else
        make "$name/config.json" facegen train faces.h5 -o "$name" --seed "$seed" \
            --epochs "$epochs" "$@"
    fi
    make "$name.h5" encode "$name"
}

# A model of the controls, the weights and the seeds, whoever needs it first.
train_named() {
    local name=$1 seed=${1##*-}
    case $name in
        ae-bn-*) train "$name" "$seed" --kind ae --batch-norm ;;
        ae-*) train "$name" "$seed" --kind ae ;;
        tiny-nobn-free-*)
            train "$name" "$seed" --kl-weight 1e-5 --no-batch-norm --epsilon-limit 1000 ;;
        tiny-nobn-*) train "$name" "$seed" --kl-weight 1e-5 --no-batch-norm ;;
        tiny-free-*) train "$name" "$seed" --kl-weight 1e-5 --epsilon-limit 1000 ;;
        tiny-*) train "$name" "$seed" --kl-weight 1e-5 ;;
        vae-*) train "$name" "$seed" ;;
        kl-*) train "$name" 1 --kl-weight "$seed" ;;
        mse-*) train "$name" 1 --loss mse --kl-weight "$seed" ;;
    esac
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
    numbers
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
    numbers
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
    numbers
}

# detect NAME: in how many faces a network that knows faces sees one, for every way to choose points.
detect() {
    mkdir -p "$1-samplers"
    print "$1-samplers.md" python "$examples/sampler_table.py" faces.h5 "$1.h5" --weights "$1" \
        --decoder plain --n 400 --folder "$1-samplers"
}

# examine NAME...: all that the articles do with a model.
examine() {
    local name
    for name in "$@"; do
        sheets "$name"
        sweep "$name"
        reconstruct "$name"
        detect "$name"
    done
}

part_controls() {
    local name
    for name in "${controls[@]/%/-1}"; do
        train_named "$name"
        measure "$name"
        group "$name"
    done
    print controls-radius.json facegen analyze radius ae-1.h5 ae-bn-1.h5 tiny-1.h5 \
        tiny-nobn-1.h5 --json -o controls-radius.png --force
    examine ae-1 ae-bn-1 tiny-1 tiny-nobn-1
}

part_weights() {
    local name
    for name in "${weights[@]}"; do
        train_named "$name"
        measure "$name"
        sheets "$name"
        judge "$name"
    done
    run python "$examples/plot_weights.py" . "${weights[@]}" -o weights.png --sheet weights-faces.png
}

part_neighbours() {
    train_named vae-1
    train_named ae-1
    train_named tiny-1
    print neighbours.json facegen analyze neighbours vae-1.h5 ae-1.h5 tiny-1.h5 --weights vae-1 \
        --weights ae-1 --weights tiny-1 --json -o neighbours.png --sheet neighbours-sheet.png --force
    # Part XI: faces that are in no set of photos; here they are generated ones.
    make own/face-6.png facegen generate --seed 17 --n 7 --individual own --force
    print own-faces.json facegen reconstruct own --align no --weights ae-1 --weights vae-1 \
        --decoder plain --json -o own-faces.png --force
    print reconstructions.json facegen reconstruct faces.h5 --weights ae-1 --weights tiny-1 \
        --weights vae-1 --points mu,z --seed 1 --seed 2 --seed 3 --json \
        -o reconstructions.png --force
}

part_default() {
    [ -e default ] || ln -s "$(python -c 'from facegen import Weights; print(Weights.load().path)')" \
        default
    train default 1 # its points: it is there
    measure default
    print default-neighbours.json facegen analyze neighbours default.h5 --weights default --json \
        -o default-neighbours.png --force
    group default
    examine default
    judge default
}

part_seeds() {
    local seed name
    for seed in 2 3; do
        for name in "${controls[@]}" vae; do
            train_named "$name-$seed"
            measure "$name-$seed"
            group "$name-$seed"
            sheets "$name-$seed"
        done
    done
}

part_epsilon() {
    local seed name
    for seed in 1 2 3; do
        for name in "${unlimited[@]}"; do
            train_named "$name-$seed"
            measure "$name-$seed"
            group "$name-$seed"
        done
    done
}

part_networks() {
    local seed names
    mkdir -p networks
    for seed in 1 2 3; do
        train_named "vae-$seed" # the network as it is
        [ -e "networks/plain-$seed" ] || ln -s "../vae-$seed" "networks/plain-$seed"
    done
    for names in "plain upsampling" bfloat16; do
        EPOCHS=$epochs ONLY=$names run "$examples/compare_networks.sh" networks faces.h5
    done
    EPOCHS=$epochs SEEDS=1 ONLY="dense dense-plain" run "$examples/compare_networks.sh" networks \
        faces.h5
}

part_start() {
    print start-from.md python "$examples/start_from.py" faces.h5 start
    print start-zoomed.md python "$examples/start_from.py" faces.h5 start-zoomed --zoom 1.3
}

part_larger() {
    train ae-1600 1 --kind ae --latent-dim 1600 --filters 64,64,128,128 --kernels 5,5,3,3
    reconstruct ae-1600
    numbers
}

part_rate() {
    train rate-1e-4 1 --learning-rate 1e-4
    measure rate-1e-4
}

make faces.h5 facegen prepare "$celeba/img_align_celeba.zip" -o faces.h5 \
    --identities "$celeba/identity_CelebA.txt" --attributes "$celeba/list_attr_celeba.txt"
for part in "${parts[@]}"; do
    "part_$part"
done
[ ! -e failed.txt ] || { echo "these failed:" && cat failed.txt && exit 1; } >&2
