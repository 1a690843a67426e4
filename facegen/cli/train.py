"""facegen train."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facegen.cli.network_options import network_options
from facegen.cli.options import (
    PATH,
    SEED,
    FiniteFloat,
    console_options,
    force_option,
    hardware_options,
    resume_option,
    with_options,
)
from facegen.cli.terminal import Console
from facegen.options import PRECISIONS, ModelOptions, TrainingOptions
from facegen.seeds import seed_or_draw

if TYPE_CHECKING:
    from facegen.model.trainer import Progress

TRAINING = TrainingOptions()


@click.command("train")
@click.argument("faces", type=PATH)
@click.option(
    "-o",
    "--output",
    type=PATH,
    required=True,
    help="Folder for the weights, for example weights/mine.",
)
@click.option(
    "--epochs",
    type=click.IntRange(1, 100_000),
    default=TRAINING.epochs,
    show_default=True,
    help="Passes over the training images, in all.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1, 65536),
    default=TRAINING.batch_size,
    show_default=True,
    help="Images a step.",
)
@click.option(
    "--learning-rate",
    type=FiniteFloat(0, 10, min_open=True),
    default=TRAINING.learning_rate,
    show_default=True,
    help="Of Adam.",
)
@click.option(
    "--flip/--no-flip",
    default=TRAINING.flip,
    show_default=True,
    help="Mirror training images at random.",
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default=TRAINING.precision,
    show_default=True,
    help="Of a step's arithmetic; bfloat16 is faster where the processor has it. What is stored is "
    "float32.",
)
@click.option("--seed", type=SEED, help="Of weights, order and noise; by default a fresh one.")
@resume_option
@click.option("--note", default="", help="About the data and its licence, for the model card.")
@network_options
@hardware_options
@click.option(
    "--replicas",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    metavar="N",
    help="Train on N GPUs at once; each takes a part of every batch.",
)
@click.option("--jit", is_flag=True, help="Compile with XLA: a slower start, faster on a GPU.")
@force_option
@console_options
def command(
    console: Console,
    faces: Path,
    output: Path,
    resume: bool,
    note: str,
    cpu_only: bool,
    cpu_threads: int | None,
    gpu_memory: int | None,
    replicas: int,
    jit: bool,
    force: bool,
    **arguments: Any,
) -> None:
    """Train a model on a face set.

    After each epoch a checkpoint and a sheet of samples are in the folder. Whatever stops the
    training, the same command with --resume goes on from there; with a larger --epochs it trains
    a finished model further.

    \b
    Examples:
        facegen train faces.h5 -o weights/mine
        facegen train faces.h5 -o weights/mine --resume --epochs 30
        facegen train faces.h5 -o weights/ae --kind ae --latent-dim 1600 \\
            --filters 64,64,128,128 --kernels 5,5,3,3
    """
    if resume and force:
        raise click.UsageError("Choose one of --resume and --force.")
    if jit and replicas > 1:
        raise click.UsageError("Choose one of --jit and --replicas.")

    from facegen.api.train import read_checkpoint_options, train
    from facegen.model.devices import check_tensorflow, limit_hardware

    check_tensorflow()
    if resume:
        model, training = read_checkpoint_options(output)
    else:
        model, training = ModelOptions(kind=arguments["kind"]), TRAINING
        arguments["seed"] = seed_or_draw(arguments["seed"], console.seed)
    model = with_options(model, arguments, only_given=resume)
    training = with_options(training, arguments, only_given=resume)

    limit_hardware(
        cpu_only=cpu_only, cpu_threads=cpu_threads, gpu_memory=gpu_memory, replicas=replicas
    )
    with console.progress(None, "step") as advance:
        weights = train(
            faces,
            output,
            model_options=model,
            options=training,
            resume=resume,
            force=force,
            replicas=replicas,
            jit=jit,
            note=note,
            report=reporter(console, advance),
        )
    console.result(output, metrics=weights.config["metrics"])


def reporter(console: Console, advance: Callable[[int], None]) -> Callable[[Progress], None]:
    """What moves the bar at each step, and says the losses of each epoch."""

    def report(progress: Progress) -> None:
        if progress.test_metrics is None:
            advance(1)
        else:
            console.say(epoch_line(progress))

    return report


def epoch_line(progress: Progress) -> str:
    """An epoch's losses on one line."""
    train = " ".join(f"{name} {value:.1f}" for name, value in progress.metrics.items())
    test = " ".join(f"{name} {value:.1f}" for name, value in (progress.test_metrics or {}).items())
    return f"epoch {progress.epoch}/{progress.epochs}: {train}" + (test and f"; test: {test}")
