"""The command line's options that say where points come from."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from facegen.cli.options import PATH, RADIUS, FiniteFloat, usage_errors

if TYPE_CHECKING:
    from facegen.latent.sampler_choice import SamplerChoice


class Percentiles(click.ParamType):
    """'5-95': two percentiles, the smaller first."""

    name = "percentiles"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        low, dash, high = value.partition("-")
        if not dash:
            self.fail(f"{value!r} is not LOW-HIGH, such as 5-95.", param, ctx)
        percent = FiniteFloat(0, 100)
        numbers = percent.convert(low, param, ctx), percent.convert(high, param, ctx)
        if numbers[0] > numbers[1]:
            self.fail(f"{value!r}: the smaller percentile comes first.", param, ctx)
        return numbers


def _with_options(command: Callable, radius_help: str) -> Callable:
    """Adds the six options of a sampler."""
    for option in (
        click.option(
            "--truncation",
            type=FiniteFloat(0, 1, min_open=True),
            metavar="T",
            help="Draw normal points, or those of --sampler, towards their mean, to T times the "
            "distance: fewer flaws, less variety.",
        ),
        click.option(
            "--radius-percentile",
            type=Percentiles(),
            metavar="LOW-HIGH",
            help="Move normal points, or those of --sampler, to radii of training faces, between "
            "two percentiles: 5-95.",
        ),
        click.option("--radius", type=RADIUS, metavar="R", help=radius_help),
        click.option(
            "--sampler",
            type=PATH,
            metavar="SAMPLER.h5",
            help="Points of a sampler that 'facegen fit' wrote.",
        ),
        click.option(
            "--r-limit",
            type=RADIUS,
            metavar="R",
            help="Points uniform in [-R, R] in every coordinate: in a cube, not in a ball. Their "
            "radius is about R sqrt(dimensions / 3), for 256 dimensions 9.24 R.",
        ),
        click.option(
            "--sigma",
            type=RADIUS,
            help="Standard deviation of normal points, which are the default.  [default: 1]",
        ),
    ):
        command = option(command)
    return command


def _choose(arguments: dict[str, Any], names: Sequence[str]) -> SamplerChoice:
    """The choice of a sampler, whose values are taken out of a command's arguments."""
    from facegen.latent.sampler_choice import SamplerChoice

    with usage_errors():
        return SamplerChoice(**{name: arguments.pop(name) for name in names})


OF_SEEDS = ("sampler", "sigma", "r_limit", "radius_percentile", "truncation")


def sampler_options(function: Callable) -> Callable:
    """Adds --sigma, --r-limit, --sampler, --radius, --radius-percentile and --truncation.

    The command gets a `choice` instead of them: a `facegen.latent.sampler_choice.SamplerChoice`.
    """

    @functools.wraps(function)
    def command(**arguments: Any) -> Any:
        return function(choice=_choose(arguments, (*OF_SEEDS, "radius")), **arguments)

    return _with_options(
        command,
        "Move normal points, or those of --sampler, to this distance from the origin: uniform on a "
        "shell.",
    )


def face_options(function: Callable) -> Callable:
    """Adds the same options, for commands that take faces by name.

    The command gets a `choice` of where faces of a seed come from, and a `radius`, which is one of
    all faces: with the sampler's it would be the same for those of a seed.
    """

    @functools.wraps(function)
    def command(**arguments: Any) -> Any:
        return function(choice=_choose(arguments, OF_SEEDS), **arguments)

    return _with_options(
        command,
        "Move faces, photos and stored ones too, to this distance from the origin, before "
        "--attribute moves them.",
    )
