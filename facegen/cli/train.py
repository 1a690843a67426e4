"""facegen train."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from facegen.cli.options import (
    PATH,
    SEED,
    SIZES,
    FiniteFloat,
    console_options,
    force_option,
    hardware_options,
    list_default,
    resume_option,
    with_options,
)
from facegen.cli.terminal import Console
from facegen.cli.training_bar import (
    TrainingBar,
    best_line,
    epoch_line,
    start_option,
    start_path,
)
from facegen.options import ACTIVATIONS, KINDS, LOSSES, ModelOptions, TrainingOptions
from facegen.seeds import seed_or_draw

MODEL = ModelOptions()
TRAINING = TrainingOptions()


def network_options(function: Callable) -> Callable:
    """Adds an option for every field of ModelOptions that a user may choose."""
    options = [
        click.option(
            "--kind",
            type=click.Choice(KINDS),
            default=MODEL.kind,
            show_default=True,
            help="A variational autoencoder, or a plain one without a KL loss.",
        ),
        click.option(
            "--latent-dim",
            type=click.IntRange(1, 65536),
            default=MODEL.latent_dim,
            show_default=True,
            help="Dimensions of the latent space (the articles' z_dim).",
        ),
        click.option(
            "--filters",
            type=SIZES,
            default=list_default(MODEL.filters),
            show_default=True,
            help="Of the encoder's convolutions; the decoder mirrors them.",
        ),
        click.option(
            "--kernels",
            type=SIZES,
            default=list_default(MODEL.kernels),
            show_default=True,
            help="Kernel size of each convolution.",
        ),
        click.option(
            "--strides",
            type=SIZES,
            default=list_default(MODEL.strides),
            show_default=True,
            help="Stride of each convolution.",
        ),
        click.option(
            "--activation",
            type=click.Choice(ACTIVATIONS),
            default=MODEL.activation,
            show_default=True,
            help="After each convolution.",
        ),
        click.option(
            "--batch-norm/--no-batch-norm",
            default=None,
            help="Batch normalisation after each convolution.  [default: on for a vae, off for "
            "an ae]",
        ),
        click.option(
            "--dropout",
            type=FiniteFloat(0, 1, max_open=True),
            default=MODEL.dropout,
            show_default=True,
            help="Dropout rate after each activation (the articles try 0.1).",
        ),
        click.option(
            "--dense",
            type=click.IntRange(0, 65536),
            default=MODEL.dense,
            show_default=True,
            help="Size of an extra dense layer on both sides of the latent space; 0 for none.",
        ),
        click.option(
            "--loss",
            type=click.Choice(LOSSES),
            default=MODEL.loss,
            show_default=True,
            help="Binary cross-entropy or mean squared error, summed over the pixels.",
        ),
        click.option(
            "--kl-weight",
            type=FiniteFloat(0, 1e6),
            help="Factor of the KL loss (the articles' fact): 3 to 6 for bce, 0.01 to 0.05 for "
            "mse.  [default: 5 for bce, 0.01 for mse]",
        ),
        click.option(
            "--epsilon-limit",
            type=FiniteFloat(0, 1000),
            default=MODEL.epsilon_limit,
            show_default=True,
            help="The noise epsilon is cut to [-LIMIT, LIMIT].",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


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
@click.option("--note", default="", help="About the data and its licence, for the model card.")
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
        facegen train faces.h5 -o weights/mine --start-from default --patience 5
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
    start_from = start_path(start_from)
    if resume:
        model, training = read_checkpoint_options(output)
        model = with_options(model, arguments, only_given=True)
    else:
        model, training = new_network(console, start_from, arguments), TRAINING
    training = with_options(training, arguments, only_given=resume)

    limit_hardware(
        cpu_only=cpu_only, cpu_threads=cpu_threads, gpu_memory=gpu_memory, replicas=replicas
    )
    with TrainingBar(console, epoch_line, decimals=1) as bar:
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
    metrics = weights.config["metrics"]
    if "best_epoch" in metrics:
        console.say(best_line(metrics))
    console.result(output, metrics=metrics)


def new_network(
    console: Console, start_from: Path | None, arguments: dict[str, Any]
) -> ModelOptions:
    """The network of a new run: as the options say, or as the other model's but for those given."""
    if start_from is None:
        model = with_options(ModelOptions(kind=arguments["kind"]), {**arguments, "seed": 0})
    else:
        from facegen.io.weights import Weights

        old = Weights.load(start_from).model
        model = with_options(old, arguments, only_given=True)
        if model.loss != old.loss and arguments["kl_weight"] is None:
            model = replace(model, kl_weight=None)  # type: ignore[arg-type]  # its own default
    return replace(model, seed=seed_or_draw(arguments["seed"], console.seed))
