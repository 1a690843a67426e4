#!/bin/sh
# shards_ssh.sh WHOLE.h5 COUNT SEED HOST...: generates faces on several machines, a part on each, and
# puts them together here. Each HOST has the same facegen and the same weights; a host that has
# more to give may be named twice.
set -eu
whole=$1 count=$2 seed=$3
shift 3
running='' i=0
for host; do
    i=$((i + 1)) part=part-$i-of-$#.h5
    asked="--n $count --seed $seed --shard $i/$# --force --quiet"
    (
        ssh -n "$host" "facegen generate $asked -o facegen-$part" >&2 &&
            ssh -n "$host" "cat facegen-$part" > "$part" &&
            ssh -n "$host" "rm facegen-$part"
    ) &
    running="$running $!"
done
for part in $running; do wait "$part"; done
facegen merge part-*-of-$#.h5 --quiet -o "$whole"
rm part-*-of-$#.h5
