#!/usr/bin/env bash
# Scripting over encoded faces from the shell: examples/pipeline.sh FACES.h5 FOLDER
set -euo pipefail
faces=$(realpath "${1:?"name a face set"}")
mkdir -p "${2:?"name a folder for the results"}"
cd "$2"

# The points of all faces; done before, this takes no time.
facegen encode --quiet "$faces" -o latents.h5

# The 28 held-out faces nearest to the origin, as the model reconstructs them. (sed reads to the end,
# head would not.)
facegen query latents.h5 --points mu --split test | sort -g -k 2 | sed -n 1,28p | cut -f 1 |
    facegen generate --quiet --latents latents.h5 --points mu --rows - --force -o near.png

# The radii of the training faces as numbers for any other program.
facegen query latents.h5 --split train | cut -f 2 > radii.txt

# What a script can act on: the exit code of a command, or a line of what it prints.
facegen info latents.h5 | grep '^complete: yes'
