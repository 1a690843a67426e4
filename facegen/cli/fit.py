"""facegen fit."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from facegen.cli.options import PATH, SEED, console_options, force_option
from facegen.cli.terminal import Console


@click.command("fit")
@click.argument("latents", type=PATH, metavar="LATENTS.h5")
@click.option("-o", "--output", type=PATH, required=True, help="The sampler, for generate.")
@click.option(
    "--kind",
    type=click.Choice(["gaussian", "mixture"]),
    default="gaussian",
    show_default=True,
    help="One Gaussian: its mean and full covariance, in seconds; or a mixture of several, in "
    "minutes.",
)
@click.option(
    "--components", type=click.IntRange(1, 1000), help="Gaussians of a mixture.  [default: 10]"
)
@click.option(
    "--points",
    type=click.Choice(["z", "mu"]),
    default="z",
    show_default=True,
    help="Points of the store to fit.",
)
@click.option(
    "--split",
    type=click.Choice(["train", "all"]),
    default="train",
    show_default=True,
    help="Leave held-out faces out, or fit them too.",
)
@click.option(
    "--seed",
    type=SEED,
    default=0,
    show_default=True,
    help="Of a mixture's start, and of the choice of rows where a store has over 50,000.",
)
@force_option
@console_options
def command(
    console: Console,
    latents: Path,
    output: Path,
    kind: str,
    components: int | None,
    points: str,
    split: str,
    seed: int,
    force: bool,
) -> None:
    """Fit a sampler to the points of a store.

    The points of an autoencoder are not normal, so it makes no faces from normal points; from a
    fitted sampler it does. docs/samplers.md compares all samplers.

    \b
    Examples:
        facegen fit latents.h5 -o sampler.h5
        facegen fit latents.h5 -o mixture.h5 --kind mixture
        facegen generate --sampler sampler.h5 -o new.png
    """
    if components is not None and kind != "mixture":
        raise click.UsageError("--components goes with --kind mixture.")

    from facegen.api.fit import COMPONENTS, fit
    from facegen.io.latent_store import Latents

    with Latents.open(latents) as store:
        count, complete = len(store), store.complete
    if not complete:
        console.warn(f"{latents} is not complete; the {count} rows that are there are fitted")
    if kind == "mixture":
        console.say("fitting a mixture takes minutes")
    with console.progress(count, "row") as progress:
        sampler = fit(
            latents,
            output,
            kind=kind,
            components=components or COMPONENTS,
            points=points,
            split=split,
            seed=seed,
            force=force,
            progress=progress,
        )
    if not sampler.fit.converged:
        console.warn(f"{output}: the fit did not come to rest; fewer --components may do")
    console.result(output, components=len(sampler.weights), **asdict(sampler.fit))
