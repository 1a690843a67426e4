"""The command line's options that say where points come from."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import click

from facegen.cli.options import PATH, FiniteFloat

RADIUS = FiniteFloat(0, 1000, min_open=True)
SOURCES = {"sigma": "--sigma", "r_limit": "--r-limit", "sampler": "--sampler"}
CHANGES = {
    "radius": "--radius",
    "percentiles": "--radius-percentile",
    "truncation": "--truncation",
}
SAMPLER_OPTIONS = {**SOURCES, **CHANGES}


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


def flags_given(options: Mapping[str, str], arguments: Mapping[str, Any]) -> list[str]:
    """The flags of those options that have a value."""
    return [flag for name, flag in options.items() if arguments.get(name) is not None]


def _check_usage(arguments: Mapping[str, Any]) -> None:
    """Refuses options that don't go together."""
    for options in (SOURCES, CHANGES):
        if len(flags_given(options, arguments)) > 1:
            *flags, last = options.values()
            raise click.UsageError(f"Choose one of {', '.join(flags)} and {last}.")
    change = flags_given(CHANGES, arguments)
    if change and (arguments["sigma"] is not None or arguments["r_limit"] is not None):
        raise click.UsageError(f"{change[0]} goes with --sampler, or alone with normal points.")


def sampler_options(function: Callable) -> Callable:
    """Adds --sigma, --r-limit, --sampler, --radius, --radius-percentile and --truncation.

    The command gets `chosen` instead of them, the arguments of
    `facegen.latent.samplers.make_sampler`.
    """

    @functools.wraps(function)
    def command(**arguments: Any) -> Any:
        _check_usage(arguments)
        chosen = {name: arguments.pop(name) for name in SAMPLER_OPTIONS}
        return function(chosen=chosen, **arguments)

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
            "percentiles",
            type=Percentiles(),
            metavar="LOW-HIGH",
            help="Move normal points, or those of --sampler, to radii of training faces, between "
            "two percentiles: 5-95.",
        ),
        click.option(
            "--radius",
            type=RADIUS,
            metavar="R",
            help="Move normal points, or those of --sampler, to this distance from the origin: "
            "uniform on a shell.",
        ),
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
