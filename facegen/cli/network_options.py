"""The options of `facegen train` that choose the network."""

from __future__ import annotations

from collections.abc import Callable

import click

from facegen.cli.options import SIZES, FiniteFloat, list_default
from facegen.options import ACTIVATIONS, KINDS, LOSSES, ModelOptions

MODEL = ModelOptions()


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
            help="Size of an extra dense layer before mu and logvar, which saves memory when "
            "--latent-dim is large; 0 for none.",
        ),
        click.option(
            "--decoder-dense",
            type=click.IntRange(0, 65536),
            default=MODEL.decoder_dense,
            show_default=True,
            help="Size of an extra dense layer at the decoder's beginning; 0 for none.",
        ),
        click.option(
            "--upsampling/--no-upsampling",
            default=MODEL.upsampling,
            show_default=True,
            help="Let the decoder repeat pixels and convolve, instead of transposed convolutions.",
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
            help="Factor of the KL loss (the articles' fact): 3 to 6 for bce, 0.012 to 0.05 for "
            "mse.  [default: 5 for bce, 0.02 for mse]",
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
