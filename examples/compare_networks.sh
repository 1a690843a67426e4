#!/usr/bin/env bash
# Trains what train can choose about network and arithmetic, side by side:
# examples/compare_networks.sh FOLDER FACES.h5
#
# Each with the seeds of SEEDS ("1 2 3") for EPOCHS (8) epochs, each seed with the same order of
# photos and the same noise. FOLDER gets the models, a sheet of the same points of each, and
# networks.md, the table of examples/network_table.py. Fifteen minutes a model and more on two cores;
# whatever stops it, the same command goes on where it was. ONLY="plain bfloat16" trains some of them.
set -euo pipefail
examples=$(cd "$(dirname "$0")" && pwd)
folder=${1:?"name a folder for the results"}
faces=$(realpath "${2:?"name the face set that prepare wrote"}")
epochs=${EPOCHS:-8}
seeds=${SEEDS:-1 2 3}
only=${ONLY:-plain bfloat16 upsampling dense dense-plain mse}
mkdir -p "$folder"
cd "$folder"

# options NAME: of train.
options() {
    case $1 in
        plain) ;;
        bfloat16) echo --precision bfloat16 ;;
        upsampling) echo --upsampling ;;
        # A large latent space, with the layer that saves memory and without.
        dense) echo --latent-dim 1600 --dense 512 ;;
        dense-plain) echo --latent-dim 1600 ;;
        mse) echo --loss mse ;;
        *) echo "unknown: $1" >&2 && return 1 ;;
    esac
}

# train NAME SEED: a model, from its last checkpoint if there is one.
train() {
    local weights=$1-$2 chosen
    [ -e "$weights/config.json" ] && return
    if [ -e "$weights/checkpoint.h5" ]; then
        facegen train "$faces" -o "$weights" --resume --epochs "$epochs"
    else
        chosen=$(options "$1")
        # shellcheck disable=SC2086
        facegen train "$faces" -o "$weights" --seed "$2" --epochs "$epochs" $chosen
    fi
}

for seed in $seeds; do
    for name in $only; do
        train "$name" "$seed"
        [ -e "$name-$seed.png" ] ||
            facegen generate --weights "$name-$seed" --seed 1 -o "$name-$seed.png"
    done
done
python "$examples/network_table.py" "$faces" . > networks.md.tmp
mv networks.md.tmp networks.md
cat networks.md
