"""facegen generate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from facegen.cli.attribute_options import attribute_options
from facegen.cli.options import (
    PATH,
    NumberList,
    columns_option,
    console_options,
    decoder_option,
    force_option,
    seed_option,
    seed_or_draw,
    sharpening_options,
    weights_options,
)
from facegen.cli.sampler_options import RADIUS, SAMPLER_OPTIONS, flags_given, sampler_options
from facegen.cli.terminal import Console, read_stdin

if TYPE_CHECKING:
    from facegen.api.generate import Generation
    from facegen.api.nearest import TrainingFaces
    from facegen.images.sharpening import Sharpening
    from facegen.io.weights import Weights
    from facegen.latent.directions import Move
    from facegen.latent.radius_quantiles import RadiusQuantiles
    from facegen.latent.samplers import StoredPoints
    from facegen.model.codec import Codec

DEFAULT_OUTPUT = Path("faces.png")
OWN_POINTS = {"count": "--n", "seed": "--seed", "sweep": "--sweep", **SAMPLER_OPTIONS}
WARNED = 1000  # faces whose radius is looked at


def _check_usage(given: Mapping[str, Any]) -> None:
    """Refuses options that don't go together."""
    has = {name for name, value in given.items() if value is not None}
    own = flags_given(OWN_POINTS, given)
    suffix = (given["output"] or DEFAULT_OUTPUT).suffix.lower()
    if ("latents" in has) != ("rows" in has):
        raise click.UsageError("--latents and --rows go together.")
    if "latents" in has and own:
        raise click.UsageError(f"--latents has points of its own; leave out {', '.join(own)}.")
    sampler = flags_given(SAMPLER_OPTIONS, given)
    if "sweep" in has and sampler:
        raise click.UsageError(f"--sweep is for cubes of several sizes; leave out {sampler[0]}.")
    if "individual" in has and has & {"output", "sweep"}:
        raise click.UsageError("--individual goes without -o and --sweep.")
    if suffix not in (".png", ".h5"):
        raise click.UsageError(f"-o must end in .png (a sheet) or .h5 (a face set), not {suffix!r}")
    if "sweep" in has and suffix == ".h5":
        raise click.UsageError("--sweep makes sheets; give -o a name that ends in .png.")
    if "faces" in has and "nearest" not in has:
        raise click.UsageError("--faces goes with --nearest.")
    if "nearest" in has and (suffix == ".h5" or has & {"individual", "sweep"}):
        raise click.UsageError("--nearest makes sheets of one kind: no --sweep, --individual, .h5.")


def _open_stored(
    stack: ExitStack, codec: Codec, latents: Path, rows: str, points: str
) -> tuple[StoredPoints, Sequence[int]]:
    """The points of a store, checked to be this model's, and the rows to decode."""
    from facegen.io.latent_store import Latents
    from facegen.latent.samplers import StoredPoints
    from facegen.row_ranges import parse_rows

    stored = StoredPoints(stack.enter_context(Latents.open(latents)), points)
    stored.store.check(codec.weights)
    text = read_stdin().decode(errors="replace") if rows == "-" else rows
    numbers = parse_rows(text, stored.store.check_rows)
    return stored, cast(Sequence[int], numbers)


def _moved(generation: Generation, move: Move) -> Generation:
    """The same faces, moved along the directions of labels."""
    from facegen.latent.samplers import MovedPoints

    return replace(generation, sampler=MovedPoints(generation.sampler, move))


def _open_nearest(
    stack: ExitStack, codec: Codec, latents: Path, faces: Path | None
) -> TrainingFaces:
    """The training faces of a store."""
    from facegen.api.nearest import TrainingFaces
    from facegen.io.face_set import FaceSet
    from facegen.io.latent_store import Latents

    store = stack.enter_context(Latents.open(latents))
    face_set = stack.enter_context(FaceSet.open(faces)) if faces else None
    return TrainingFaces(store, codec, face_set)


def _warn(
    console: Console, label: str, generation: Generation, count: int, radii: RadiusQuantiles
) -> None:
    """Warns of points most of which lie where no training face does."""
    latent_dim = generation.codec.latent_dim
    points = generation.sampler.sample(range(min(count, WARNED)), latent_dim, seed=generation.seed)
    warning = radii.warning(points)
    if warning:
        console.say(f"facegen: {label}{warning}")


def _write(
    generation: Generation,
    rows: Sequence[int],
    output: Path,
    individual: Path | None,
    columns: int,
    options: dict[str, Any],
) -> dict[Path, dict[str, Any]]:
    """Writes the faces as the output asks for; returns the paths to report."""
    from facegen.api.generate import generate_face_set, generate_individual, generate_sheet
    from facegen.api.output_names import fill_name

    if individual is not None:
        folder = fill_name(individual, seed=generation.seed, n=len(rows))
        generate_individual(generation, rows, folder, **options)
        return {folder: {"faces": len(rows)}}
    if output.suffix.lower() == ".h5":
        path = generate_face_set(generation, rows, output, **options)
        return {path: {"faces": len(rows)}}
    pages = generate_sheet(generation, rows, output, columns=columns, **options)
    return {page: {"faces": len(shown)} for page, shown in pages.items()}


def _write_nearest(
    console: Console,
    generation: Generation,
    rows: Sequence[int],
    output: Path,
    training: TrainingFaces,
    columns: int,
    options: dict[str, Any],
) -> dict[Path, dict[str, Any]]:
    """Writes sheets of faces over their nearest training faces; returns what to report."""
    from facegen.api.nearest import generate_nearest

    pages = generate_nearest(generation, rows, training, output, columns=columns, **options)
    found = [one for page in pages.values() for one in page]
    for row, one in zip(rows, found, strict=True):
        console.say(f"face {row}: {one['distance']:.2f} from row {one['row']}, {one['name']}")
    usual = training.usual_distances()
    if usual:
        console.say(
            f"held-out photos: {usual['0.5']:.2f} for half, {usual['0.05']:.2f} to "
            f"{usual['0.95']:.2f} for 90 %, none below {usual['0']:.2f}"
        )
    return {
        path: {"faces": len(page), "nearest": page, "held_out_distances": usual}
        for path, page in pages.items()
    }


@click.command("generate")
@click.option("-n", "--n", "count", type=click.IntRange(1, 10**9), help="Faces.  [default: 28]")
@sampler_options
@attribute_options
@click.option(
    "--sweep",
    type=NumberList(RADIUS),
    metavar="R,R,...",
    help="A sheet for each r-limit, the same directions in each, for example "
    "0.5,1,1.5,2,2.5,3,3.5,5,8.",
)
@click.option(
    "--latents", type=PATH, metavar="LATENTS.h5", help="Decode points of this encoded store."
)
@click.option(
    "--rows",
    metavar="ROWS",
    help="Rows of the store, such as 3,17,20-40; - reads them from standard input.",
)
@click.option(
    "--points",
    type=click.Choice(["z", "mu"]),
    default="z",
    show_default=True,
    help="Points of the store to decode.",
)
@seed_option
@click.option(
    "--nearest",
    type=PATH,
    metavar="LATENTS.h5",
    help="Show under each face the training face of this store that is most alike, as the model "
    "reconstructs it, and print the distances.",
)
@click.option(
    "--faces",
    type=PATH,
    metavar="FACES.h5",
    help="The face set of that store, to show the training faces themselves.",
)
@columns_option
@sharpening_options
@click.option(
    "-o",
    "--output",
    type=PATH,
    help="A sheet (.png; several pages where it is large) or a face set (.h5); the name may have "
    "{date}, {time}, {seed}, {r_limit} and {n} in it.  [default: faces.png, overwritten]",
)
@click.option("--individual", type=PATH, metavar="DIR", help="Single PNGs into this folder.")
@force_option
@decoder_option
@weights_options
@console_options
def command(
    console: Console,
    count: int | None,
    chosen: dict[str, Any],
    find_move: Callable[[Weights], Move | None],
    sweep: tuple[float, ...] | None,
    latents: Path | None,
    rows: str | None,
    points: str,
    seed: int | None,
    nearest: Path | None,
    faces: Path | None,
    columns: int,
    sharpening: Sharpening,
    output: Path | None,
    individual: Path | None,
    force: bool,
    decoder: str | None,
    weights: Path | None,
    threads: int | None,
) -> None:
    """Make new faces.

    docs/samplers.md compares the ways to choose points.

    \b
    Examples:
        facegen generate --n 28 --seed 5 --sharpen 3 -o sheet.png
        facegen generate --radius-percentile 5-95
        facegen generate --sampler sampler.h5 --truncation 0.7
        facegen generate --sweep 0.5,1,1.5,2,2.5,3,3.5,5,8 -o sweep.png
        facegen generate --attribute Smiling=2 --without Male --seed 5
        facegen generate --n 100000 -o new-faces.h5
        facegen generate --latents latents.h5 --rows 3,17,20-40 -o some.png
        facegen generate --n 14 --nearest latents.h5 --faces faces.h5 -o new.png
    """
    _check_usage(click.get_current_context().params)

    from facegen.api.generate import Generation
    from facegen.api.output_names import fill_name
    from facegen.io.weights import Weights
    from facegen.latent.sampler_choice import make_sampler
    from facegen.model.codec import Codec

    codec = Codec(Weights.load(weights), decoder=decoder, threads=threads)
    move = find_move(codec.weights)
    force = force or (output is None and individual is None)  # only a sheet has a default name
    output = output or DEFAULT_OUTPUT
    with ExitStack() as stack:
        numbers: Sequence[int] = range(28 if count is None else count)
        if latents is not None:
            stored, numbers = _open_stored(stack, codec, latents, rows or "", points)
            path = fill_name(output, n=len(numbers))
            runs = {path: Generation(codec, stored, stored.store.origin.seed, sharpening)}
        else:
            seed, runs = seed_or_draw(seed, console), {}
            names_r_limit = "{r_limit}" in output.name
            for r in sweep or (chosen["r_limit"],):
                sampler, radii = make_sampler(codec.weights, **{**chosen, "r_limit": r})
                name = f"{output.stem}-r{{r_limit}}" if sweep and not names_r_limit else output.stem
                path = fill_name(output.with_stem(name), seed=seed, r_limit=r, n=len(numbers))
                if path in runs:
                    raise click.UsageError(f"--sweep has two steps whose sheet is {path}.")
                runs[path] = Generation(codec, sampler, seed, sharpening)
                if radii is not None:
                    _warn(console, f"{path}: " if sweep else "", runs[path], len(numbers), radii)
        if move is not None:
            runs = {path: _moved(generation, move) for path, generation in runs.items()}
        training = _open_nearest(stack, codec, nearest, faces) if nearest else None
        progress = stack.enter_context(console.progress(len(numbers) * len(runs), "face"))
        options = {"force": force, "progress": progress}
        for path, generation in runs.items():
            if training is None:
                pages = _write(generation, numbers, path, individual, columns, options)
            else:
                pages = _write_nearest(
                    console, generation, numbers, path, training, columns, options
                )
            for page, more in pages.items():
                console.result(
                    page,
                    seed=generation.seed,
                    sampler=generation.sampler.provenance,
                    **more,
                )
