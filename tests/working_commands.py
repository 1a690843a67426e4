"""Every command of facegen, in a form that works."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from facegen.cli.main import cli

# Run in a folder with faces.h5, latents.h5 and its parts part-1.h5 and part-2.h5, attributes.h5,
# sampler.h5, photo.png and sheet.png; OUT is an empty one.
COMMANDS = {
    "prepare": "prepare photo.png -o OUT/faces.h5 --size 16 --test-fraction 0 --workers 1",
    "generate": "generate --n 2 --seed 1 --nearest latents.h5 -o OUT/new.png",
    "sharpen": "sharpen photo.png -o OUT/sharp.png",
    "reconstruct": "reconstruct faces.h5 --n 2 --seed 1 -o OUT/again.png",
    "encode": "encode faces.h5 -o OUT/encoded.h5",
    "merge": "merge part-1.h5 part-2.h5 -o OUT/whole.h5",
    "query": "query latents.h5",
    "export": "export latents.h5 -o OUT/points.npy --npy",
    "fit": "fit latents.h5 --kind mixture --components 2 -o OUT/sampler.h5",
    "attributes": "attributes latents.h5 -o OUT/attributes.h5",
    "edit": "edit latents.h5:17 --attribute Smiling=1 --attributes attributes.h5 -o OUT/e.png",
    "morph": "morph latents.h5:17 seed:5 -o OUT/m.png",
    "explore": "explore --static OUT/explorer",
    "reproduce": "reproduce sheet.png -o OUT/again.png",
    "analyze radius": "analyze radius latents.h5",
    "analyze coordinates": "analyze coordinates latents.h5",
    "analyze logvar": "analyze logvar latents.h5",
    "analyze pca": "analyze pca latents.h5",
    "analyze neighbours": "analyze neighbours latents.h5 --n 2 --distances 1 --sheet OUT/sheet.png",
    "analyze clusters": "analyze clusters latents.h5 --clusters 2,3",
    "analyze tsne": "analyze tsne latents.h5 --perplexity 5 --engine sklearn --threads 1",
    "analyze report": "analyze report latents.h5 --skip tsne -o OUT/report.html",
    "evaluate": "evaluate faces.h5 --n 5 --pixels-only -o OUT/evaluation.json",
    "info": "info latents.h5",
}
BY_PROCESS = {  # they bring TensorFlow
    "train": "train faces.h5 -o OUT/w --epochs 1 --batch-size 64 --latent-dim 4 --filters 4,8 "
    "--kernels 3,3 --strides 2,2 --cpu-only",
    "refine": "refine OUT/w faces.h5 --epochs 1 --imitation-epochs 1 --filters 8,4 "
    "--mapping 16 --residual-blocks 1,0 --batch-size 32 --cpu-only",
}


def commands(command: click.Command = cli, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """All commands and their names, such as "analyze radius"."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for verb in command.list_commands(context):
            found = command.get_command(context, verb)
            assert found is not None
            yield from commands(found, f"{name} {verb}".strip())
    else:
        yield name, command


def arguments(command: str, output: Path) -> list[str]:
    """A command of the tables, with its output in a folder."""
    return shlex.split(command.replace("OUT", str(output)))
