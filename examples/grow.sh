#!/bin/sh
# grow.sh PHOTOS [OPTIONS of prepare]: new photos of a folder become rows of faces.h5 and
# latents.h5 in the current folder, then a report (without its slow part, t-SNE) tells of what is odd.
#
# For every night. What is there is neither prepared nor encoded again, and keeps its row; where
# nothing is new, nothing is written. Killed at any moment, the next run goes on. A second run while
# one is at work ends in one line. Photos that can't be read are named, and the rest goes on.
set -eu
photos=${1:?"name a folder of photos"}
shift

facegen prepare "$photos" -o faces.h5 --update --quiet "$@" > /dev/null || [ $? -eq 3 ]
facegen encode faces.h5 -o latents.h5 --update --quiet > /dev/null
if [ ! report.html -nt latents.h5 ]; then
    facegen analyze report latents.h5 --skip tsne --quiet --force -o report.html > /dev/null || [ $? -eq 3 ]
fi
