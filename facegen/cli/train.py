"""facegen train."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from facegen.cli.field_options import field_option, with_arguments
from facegen.cli.network_options import network_options
from facegen.cli.options import (
    PATH,
    SEED,
    FiniteFloat,
    console_options,
    force_option,
    hardware_options,
    resume_option,
)
from facegen.cli.terminal import Console
from facegen.cli.training_bar import (
    TrainingBar,
    best_line,
    epoch_line,
    nothing_left_line,
    start_option,
)
from facegen.options import PRECISIONS, ModelOptions, TrainingOptions
from facegen.seeds import seed_or_draw

TRAINING = TrainingOptions()
option = partial(field_option, TRAINING)
FEW = 1000  # faces: some hundreds are too few to learn from scratch what a face is


@click.command("train")
@click.argument("faces", type=PATH)
@click.option(
    "-o",
    "--output",
    type=PATH,
    required=True,
    help="Folder for the weights, for example weights/mine.",
)
@option("epochs", click.IntRange(1, 100_000), "Passes over the training images, in all.")
@option("batch_size", click.IntRange(1, 65536), "Images a step.")
@option("learning_rate", FiniteFloat(0, 10, min_open=True), "Of Adam.")
@option("flip", click.BOOL, "Mirror training images at random.")
@option(
    "precision",
    click.Choice(PRECISIONS),
    "Of a step's arithmetic; bfloat16 is faster where the processor has it. What is stored is "
    "float32.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help="Train on N images, the first in an order that the seed gives; the test images stay.",
)
@click.option(
    "--patience",
    type=click.IntRange(1),
    metavar="N",
    help="End when the test loss has not fallen for N epochs. The weights are then, and at the "
    "last epoch too, those of the epoch where it was lowest.",
)
@click.option("--seed", type=SEED, help="Of weights, order and noise; by default a fresh one.")
@start_option
@resume_option
@click.option(
    "--note",
    default="",
    help="About the data and its licence, for the model card; --resume keeps it.",
)
@click.option(
    "--log-dir",
    type=PATH,
    metavar="FOLDER",
    help="Write the losses and the samples of every epoch for TensorBoard.",
)
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
    start_from: Path | None,
    log_dir: Path | None,
    cpu_only: bool,
    cpu_threads: int | None,
    gpu_memory: int | None,
    replicas: int,
    jit: bool,
    force: bool,
    **arguments: Any,
) -> None:
    """Train a model on a face set.

    After each epoch a checkpoint, the losses and a sheet of samples are in the folder. Whatever
    stops the training, the same command with --resume goes on from there; with a larger --epochs
    it trains a finished model further.

    With --start-from the network is that of the other model, but for the options that are given.

    \b
    Examples:
        facegen train faces.h5 -o weights/mine
        facegen train faces.h5 -o weights/mine --resume --epochs 30
        facegen train faces.h5 -o weights/mine --start-from default --learning-rate 1e-4 \\
            --batch-size 32
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
        model = with_arguments(model, arguments, only_given=True)
    else:
        begin(faces, output, console, start_from, force, arguments["limit"])
        model, training = new_network(console, start_from, arguments), TRAINING
    training = with_arguments(training, arguments, only_given=resume)

    limit_hardware(
        cpu_only=cpu_only, cpu_threads=cpu_threads, gpu_memory=gpu_memory, replicas=replicas
    )
    with TrainingBar(console, epoch_line) as bar:
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
            start_from=start_from,
            log_dir=log_dir,
            report=bar.report,
        )
    end(output, weights.config["metrics"], console, bar, training.epochs)


def begin(
    faces: Path,
    output: Path,
    console: Console,
    start_from: Path | None,
    force: bool,
    limit: int | None = None,
) -> None:
    """Finds what stops a new run before TensorFlow is imported; says so if there are few faces."""
    from facegen.api.train import check_unused
    from facegen.io.face_set import FaceSet

    check_unused(output, force=force)
    with FaceSet.open(faces) as face_set:
        count = int(face_set.is_train.sum())
        count = min(count, limit or count)
        if start_from is None and count < FEW and face_set.size == ModelOptions().image_size:
            console.say(
                f"{count} faces are few to learn from; --start-from default begins with the model "
                "that comes with facegen"
            )


def end(
    output: Path, metrics: dict[str, Any], console: Console, bar: TrainingBar, epochs: int
) -> None:
    """Says what ended a run before its last epoch, and which epoch's weights there are.

    Args:
        epochs: that were wanted, in all.
    """
    done = int(metrics["last_epoch"]["epoch"])
    if done < epochs:
        console.say(
            f"--patience ended the training after epoch {done}; --resume with a larger one goes on"
        )
    elif not bar.epochs:
        console.say(nothing_left_line(done))
    if "best_epoch" in metrics:
        console.say(best_line(metrics))
    console.result(output, metrics=metrics)


def new_network(
    console: Console, start_from: Path | None, arguments: dict[str, Any]
) -> ModelOptions:
    """The network of a new run: as the options say, or as the other model's but for those given."""
    if start_from is None:
        model = with_arguments(ModelOptions(kind=arguments["kind"]), {**arguments, "seed": 0})
    else:
        from facegen.io.weights import Weights

        old = Weights.load(start_from).model
        model = with_arguments(old, arguments, only_given=True)
        if model.loss != old.loss and arguments["kl_weight"] is None:
            model = replace(model, kl_weight=None)  # type: ignore[arg-type]  # its own default
    return replace(model, seed=seed_or_draw(arguments["seed"], console.seed))
