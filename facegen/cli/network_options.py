"""The options of `facegen train` that choose the network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import click

from facegen.cli.field_options import field_option
from facegen.cli.options import SIZES, FiniteFloat, add_options
from facegen.options import ACTIVATIONS, KINDS, LOSSES, ModelOptions

option = partial(field_option, ModelOptions())
OPTIONS = (
    option(
        "kind", click.Choice(KINDS), "A variational autoencoder, or a plain one without a KL loss."
    ),
    option(
        "latent_dim",
        click.IntRange(1, 65536),
        "Dimensions of the latent space (the articles' z_dim).",
    ),
    option("filters", SIZES, "Of the encoder's convolutions; the decoder mirrors them."),
    option("kernels", SIZES, "Kernel size of each convolution."),
    option("strides", SIZES, "Stride of each convolution."),
    option("activation", click.Choice(ACTIVATIONS), "After each convolution."),
    click.option(
        "--batch-norm/--no-batch-norm",
        default=None,
        help="Batch normalisation after each convolution.  [default: on for a vae, off for an ae]",
    ),
    option(
        "dropout",
        FiniteFloat(0, 1, max_open=True),
        "Dropout rate after each activation (the articles try 0.1).",
    ),
    option(
        "dense",
        click.IntRange(0, 65536),
        "Size of an extra dense layer before mu and logvar, which saves memory when "
        "--latent-dim is large; 0 for none.",
    ),
    option(
        "decoder_dense",
        click.IntRange(0, 65536),
        "Size of an extra dense layer at the decoder's beginning; 0 for none.",
    ),
    option(
        "upsampling",
        click.BOOL,
        "Let the decoder repeat pixels and convolve, instead of transposed convolutions.",
    ),
    option(
        "loss",
        click.Choice(LOSSES),
        "Binary cross-entropy or mean squared error, summed over the pixels.",
    ),
    click.option(
        "--kl-weight",
        type=FiniteFloat(0, 1e6),
        help="Factor of the KL loss (the articles' fact): 3 to 6 for bce, 0.012 to 0.05 for "
        "mse.  [default: 5 for bce, 0.02 for mse]",
    ),
    option("epsilon_limit", FiniteFloat(0, 1000), "The noise epsilon is cut to [-LIMIT, LIMIT]."),
)


def network_options(function: Callable) -> Callable:
    """Adds an option for every field of ModelOptions that a user may choose."""
    return add_options(function, *OPTIONS)
