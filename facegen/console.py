"""What all commands share: option types, option groups, messages, progress bars."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from facegen.sampling import MAX_SEED, draw_seed


class FiniteFloat(click.FloatRange):
    """A FloatRange that refuses NaN and infinity."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class NumberList(click.ParamType):
    """Comma-separated numbers, each checked by another type: '0.5,1,2'."""

    name = "numbers"

    def __init__(self, item: click.ParamType, length: int | None = None):
        self.item = item
        self.length = length

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        numbers = tuple(self.item.convert(part.strip(), param, ctx) for part in value.split(","))
        if self.length is not None and len(numbers) != self.length:
            self.fail(f"expected {self.length} numbers, found {len(numbers)}.", param, ctx)
        return numbers


SEED = click.IntRange(0, MAX_SEED)
PATH = click.Path(path_type=Path)


class Console:
    """Results to stdout, everything else to stderr; progress only on a terminal."""

    def __init__(self, quiet: bool, as_json: bool):
        self.quiet = quiet
        self.as_json = as_json
        self._bar: Any = None

    def say(self, message: str) -> None:
        """A message on stderr, unless --quiet."""
        if not self.quiet:
            self._write(message)

    def warn(self, message: str) -> None:
        """A message on stderr, --quiet or not."""
        self._write(f"facegen: {message}")

    def _write(self, message: str) -> None:
        if self._bar is None:
            click.echo(message, err=True)
        else:
            self._bar.write(message, file=sys.stderr)

    def result(self, path: Path, **summary: Any) -> None:
        """The path written, or with --json one JSON object on one line."""
        if self.as_json:
            click.echo(json.dumps({"path": str(path), **summary}))
        else:
            click.echo(path)

    @contextmanager
    def progress(self, total: int | None, unit: str) -> Iterator[Callable[[int], Any]]:
        """Gives a function that counts items up, on a bar if stderr is a terminal."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda done: None
            return
        from tqdm import tqdm

        with tqdm(total=total, unit=unit, unit_scale=True, dynamic_ncols=True) as self._bar:
            yield self._bar.update
        self._bar = None


def seed_or_draw(seed: int | None, console: Console) -> int:
    """The seed given, or a fresh one, printed."""
    if seed is None:
        seed = draw_seed()
        console.say(f"seed {seed}")
    return seed


def _console_callback(function: Callable) -> Callable:
    def command(*, quiet: bool, as_json: bool, **arguments: Any) -> Any:
        return function(console=Console(quiet, as_json), **arguments)

    command.__name__ = function.__name__
    command.__doc__ = function.__doc__
    command.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
    return command


def console_options(function: Callable) -> Callable:
    """Adds --quiet and --json; the command gets a `console` instead of them."""
    command = _console_callback(function)
    command = click.option(
        "--json", "as_json", is_flag=True, help="Print the result as one JSON object."
    )(command)
    return click.option("--quiet", "-q", is_flag=True, help="No messages, no progress bar.")(
        command
    )


def weights_options(function: Callable) -> Callable:
    """Adds --weights and --threads."""
    function = click.option(
        "--threads",
        type=click.IntRange(1, 1024),
        help="Threads that compute; by default one per processor.",
    )(function)
    return click.option(
        "--weights",
        type=PATH,
        help="Folder that 'facegen train' wrote; by default $FACEGEN_WEIGHTS, "
        "else the model that comes with facegen.",
    )(function)


def sharpening_options(function: Callable) -> Callable:
    """Adds --sharpen and --unsharp."""
    function = click.option(
        "--unsharp",
        type=NumberList(FiniteFloat(0, 1000), length=3),
        metavar="RADIUS,PERCENT,THRESHOLD",
        help="Pillow's unsharp mask, for example 2,150,3.",
    )(function)
    return click.option(
        "--sharpen",
        type=FiniteFloat(0, 1000),
        metavar="FACTOR",
        help="Pillow's Sharpness: 0 blurs, 1 changes nothing, 3 to 7 sharpen.",
    )(function)


decoder_option = click.option(
    "--decoder",
    type=click.Choice(["plain", "crisp"]),
    help="Decoder of the weights: the articles' plain one, or the one that 'facegen refine' "
    "adds.  [default: crisp where there is one]",
)
columns_option = click.option(
    "--columns",
    type=click.IntRange(1, 1000),
    default=7,
    show_default=True,
    help="Faces a row of the sheet.",
)
force_option = click.option("--force", is_flag=True, help="Overwrite what exists.")
seed_option = click.option(
    "--seed", type=SEED, help="The same seed gives the same result; by default a fresh one."
)
