"""What all commands share: option types, option groups, sources."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from facegen.cli.terminal import Console, read_stdin
from facegen.errors import InputError
from facegen.seeds import MAX_SEED
from facegen.shards import Shard


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


class FilePath(click.Path):
    """A path, not empty: Path("") is the current folder, and mostly a variable that isn't set."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value):
            self.fail("the name is empty.", param, ctx)
        return super().convert(value, param, ctx)


class WeightsPath(FilePath):
    """A folder of weights; 'default', if there is no such folder, is the one without --weights."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if str(value) == "default" and not os.path.lexists(value):
            from facegen.io.weights import default_weights_path

            return default_weights_path()
        return super().convert(value, param, ctx)


class ShardType(click.ParamType):
    """'3/16': a part and how many there are."""

    name = "shard"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return value if isinstance(value, Shard) else Shard.parse(value)
        except InputError as error:
            self.fail(f"{error}.", param, ctx)


SEED = click.IntRange(0, MAX_SEED)
PATH = FilePath()
WEIGHTS = WeightsPath()
BOX = NumberList(click.IntRange(0, 10**6), length=4)
SIZES = NumberList(click.IntRange(1, 65536))
RADIUS = FiniteFloat(0, 1000, min_open=True)
SKIPPED = 3  # the exit code of a run that is done, but has skipped some inputs


@contextmanager
def usage_errors() -> Iterator[None]:
    """Makes values that the library refuses wrong usage, before any work is done."""
    try:
        yield
    except InputError as error:
        raise click.UsageError(str(error)) from error


def expand_sources(sources: tuple[str, ...], *, null: bool) -> list[str]:
    """The sources as given, with '-' replaced by the names on standard input.

    Args:
        null: a zero byte ends each of them, not a line break.
    """
    if null and "-" not in sources:
        raise click.UsageError("--null goes with -, for names on standard input.")
    names: list[str] = []
    for source in sources:
        if source == "-":
            found = read_stdin().split(b"\0" if null else b"\n")
            names += [os.fsdecode(name) for name in found if name]
        else:
            names.append(source)
    return names


def check_update(update: bool, force: bool) -> None:
    """Refuses to make a file grow and to make it anew at once."""
    if update and force:
        raise click.UsageError("Choose one of --update and --force.")


def finish_skipped(console: Console, skipped: int, strict: bool) -> None:
    """Ends with the exit code for inputs that were skipped, if there were any."""
    if skipped:
        console.warn(f"{skipped} skipped" + (" (--strict)" if strict else ""))
        raise click.exceptions.Exit(1 if strict else SKIPPED)


def warn_about(console: Console, notes: Sequence[tuple[str, str]]) -> None:
    """One line for each reason of some (name, reason)."""
    for reason in dict.fromkeys(reason for _, reason in notes):
        names = [name for name, why in notes if why == reason]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        console.warn(f"{names[0]}{more}: {reason}")


def add_options(command: Callable, *options: Callable[[Callable], Callable]) -> Callable:
    """Adds options in the order in which the help has them."""
    for option in reversed(options):
        command = option(command)
    return command


def console_options(function: Callable) -> Callable:
    """Adds --quiet and --json; the command gets a `console` instead of them."""

    @functools.wraps(function)
    def command(*, quiet: bool, as_json: bool, **arguments: Any) -> Any:
        return function(console=Console(quiet, as_json), **arguments)

    return add_options(
        command,
        click.option("--quiet", "-q", is_flag=True, help="No messages, no progress bar."),
        click.option(
            "--json", "as_json", is_flag=True, help="Print the result as one JSON object."
        ),
    )


threads_option = click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    help="Threads that compute; by default one per processor.",
)


def weights_options(function: Callable, *, several: bool = False) -> Callable:
    """Adds --weights, with `several` repeatable, and --threads."""
    weights_option = click.option(
        "--weights",
        type=WEIGHTS,
        multiple=several,
        help="Folder that 'facegen train' wrote; by default $FACEGEN_WEIGHTS, else the model that "
        "comes with facegen." + " Repeatable, also with 'default': a row for each." * several,
    )
    return add_options(function, weights_option, threads_option)


ray_option = click.option(
    "--ray",
    metavar="HOST:PORT|local",
    help="Compute on the Ray cluster with this head node, or on a local one that is started for "
    "the while. The file is the same. Needs facegen[ray].",
)


def sharpening_options(function: Callable) -> Callable:
    """Adds --sharpen and --unsharp; the command gets a `sharpening` instead of them."""

    @functools.wraps(function)
    def command(
        *, sharpen: float | None, unsharp: tuple[float, float, float] | None, **arguments: Any
    ) -> Any:
        if sharpen is not None and unsharp is not None:
            raise click.UsageError("Choose one of --sharpen and --unsharp.")

        from facegen.images.sharpening import Sharpening

        return function(sharpening=Sharpening(sharpen, unsharp), **arguments)

    return add_options(
        command,
        click.option(
            "--sharpen",
            type=FiniteFloat(0, 1000),
            metavar="FACTOR",
            help="Pillow's Sharpness: 0 blurs, 1 changes nothing, 3 to 7 sharpen.",
        ),
        click.option(
            "--unsharp",
            type=NumberList(FiniteFloat(0, 1000), length=3),
            metavar="RADIUS,PERCENT,THRESHOLD",
            help="Pillow's unsharp mask, for example 2,150,3.",
        ),
    )


def hardware_options(function: Callable) -> Callable:
    """Adds --cpu-only, --cpu-threads and --gpu-memory."""

    @functools.wraps(function)
    def command(*, cpu_only: bool, gpu_memory: int | None, **arguments: Any) -> Any:
        if cpu_only and gpu_memory is not None:
            raise click.UsageError("Choose one of --cpu-only and --gpu-memory.")
        return function(cpu_only=cpu_only, gpu_memory=gpu_memory, **arguments)

    return add_options(
        command,
        click.option("--cpu-only", is_flag=True, help="Hide all GPUs."),
        click.option(
            "--cpu-threads",
            type=click.IntRange(1, 1024),
            help="Threads.  [default: one per processor]",
        ),
        click.option(
            "--gpu-memory",
            type=click.IntRange(64),
            metavar="MB",
            help="Limit of the memory of each GPU.",
        ),
    )


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
null_option = click.option(
    "-0",
    "--null",
    is_flag=True,
    help="A zero byte ends each name on standard input, as after find -print0.",
)
strict_option = click.option(
    "--strict", is_flag=True, help="Exit with 1, not 3, when an input was skipped."
)
resume_option = click.option(
    "--resume", is_flag=True, help="Go on from the checkpoint, with its options."
)
force_option = click.option("--force", is_flag=True, help="Overwrite what exists.")
seed_option = click.option(
    "--seed", type=SEED, help="The same seed gives the same result; by default a fresh one."
)
shard_option = click.option(
    "--shard",
    type=ShardType(),
    metavar="I/N",
    help="Do part I of N alone, such as 3/16; 'facegen merge' puts the parts together.",
)
align_option = click.option(
    "--align",
    type=click.Choice(["auto", "yes", "no"]),
    default="auto",
    show_default=True,
    help="Find the face in a photo, turn it upright and crop it: yes, or skip the photo; no, take "
    "the photo as it is; auto, where it is needed and can be done.",
)
box_option = click.option(
    "--box", type=BOX, metavar="LEFT,UPPER,RIGHT,LOWER", help="Crop of photos, as in prepare."
)
