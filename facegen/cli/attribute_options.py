"""The command line's options that say how to move faces along directions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from facegen.cli.options import PATH, FiniteFloat, usage_errors


class Amounts(click.ParamType):
    """Comma-separated names with a number: 'Smiling=1.5,Male=-1'."""

    name = "amounts"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        amounts = []
        for part in value.split(","):
            name, _, number = part.strip().rpartition("=")
            if not name:
                self.fail(f"{part!r} is not NAME=AMOUNT, such as Smiling=1.5.", param, ctx)
            amounts.append((name, FiniteFloat(-100, 100).convert(number, param, ctx)))
        return tuple(amounts)


class NameList(click.ParamType):
    """Comma-separated names: 'Male,Young'."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        return tuple(name.strip() for name in value.split(",") if name.strip())


def attribute_options(function: Callable) -> Callable:
    """Adds --attribute, --without and --attributes.

    The command gets a `move` instead of them: a `facegen.latent.move_choice.MoveChoice`, or None
    without them.
    """

    @functools.wraps(function)
    def command(
        *,
        attribute: tuple[tuple[tuple[str, float], ...], ...],
        without: tuple[str, ...],
        attributes: Path | None,
        **arguments: Any,
    ) -> Any:
        amounts = [amount for group in attribute for amount in group]
        names = [name for name, _ in amounts]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise click.UsageError(f"{', '.join(repeated)} is given twice.")
        move = None
        if names or without or attributes:
            from facegen.latent.move_choice import MoveChoice

            with usage_errors():
                move = MoveChoice(dict(amounts), without, attributes)
        return function(move=move, **arguments)

    for option in (
        click.option(
            "--attributes",
            type=PATH,
            metavar="ATTRIBUTES.h5",
            help="Directions that 'facegen attributes' wrote.  [default: attributes.h5 and "
            "components.h5 in the weights' folder]",
        ),
        click.option(
            "--without",
            type=NameList(),
            default=(),
            metavar="NAME,...",
            help="Leave out of the direction what lies along these, labels or not.",
        ),
        click.option(
            "--attribute",
            type=Amounts(),
            multiple=True,
            metavar="NAME=AMOUNT,...",
            help="Move faces along a label's direction: 1 leads from the average face without "
            "to the average face with, for example Smiling=1.5,Eyeglasses=-1. Or along one "
            "without a label, pc-1=2 or layer-1=2, by so many standard deviations.",
        ),
    ):
        command = option(command)
    return command
