#!/bin/sh
# shards_parallel.sh FACES.h5 LATENTS.h5 [SHARDS [JOBS]]: encodes with so many processes at a time,
# through GNU parallel or, where it is missing, xargs. Broken off, the same command goes on.
set -eu
faces=$1 latents=$2 shards=${3:-16} jobs=${4:-$(nproc)}
parts=$latents.parts
mkdir -p "$parts"
encode() {
    "$@" facegen encode "$faces" --shard "{}/$shards" --seed 5 --threads 1 --quiet -o "$parts/{}.h5"
}
if command -v parallel > /dev/null; then
    seq "$shards" | encode parallel --jobs "$jobs" --halt soon,fail=1
else
    seq "$shards" | encode xargs -P "$jobs" -I '{}'
fi
facegen merge "$parts"/*.h5 --quiet -o "$latents"
rm -r "$parts"
