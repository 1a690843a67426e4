"""facegen evaluate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from facegen.cli.options import (
    PATH,
    RADIUS,
    SEED,
    console_options,
    decoder_option,
    finish_skipped,
    force_option,
    strict_option,
    weights_options,
)
from facegen.cli.terminal import Console, printable
from facegen.strict_json import to_json

DEFAULT_OUTPUT = Path("evaluation.json")


def _check_usage(given: Mapping[str, Any]) -> None:
    """Refuses options that don't go together."""
    if len(given["sources"]) != 1:
        raise click.UsageError("Name one face set, or results with --compare.")
    if given["r_limit"] is not None and given["sigma"] is not None:
        raise click.UsageError("Choose one of --r-limit and --sigma.")
    of_model = ("decoder", "weights", "r_limit", "sigma")
    if given["images"] is not None and any(given[name] for name in of_model):
        raise click.UsageError("--images goes without a model's options.")


def _compare(console: Console, sources: Sequence[str]) -> None:
    """Tells saved results side by side."""
    from facegen.analysis.evaluation import check_comparable, read_result

    results = {name: read_result(name) for name in sources}
    check_comparable(results)
    console.answer(results, table)


def _check_outputs(output: Path | None, plot: Path | None, *, overwrite: bool, force: bool) -> Path:
    """Refuses outputs that exist already; returns the result's path."""
    from facegen.io.files import check_distinct, check_output

    check_distinct(output or DEFAULT_OUTPUT, plot)
    if plot is not None:
        check_output(plot, force=force)
    return check_output(output or DEFAULT_OUTPUT, force=overwrite)


def _limit_tensorflow(threads: int | None) -> None:
    from facegen.model.devices import limit_hardware

    limit_hardware(cpu_threads=threads)


def _write(
    result: dict[str, Any], output: Path, plot: Path | None, *, overwrite: bool, force: bool
) -> None:
    """Writes the result, and its plot where one is asked for."""
    from facegen.analysis.evaluation import provenance
    from facegen.io.files import atomic_output

    with atomic_output(output, force=overwrite) as temporary:
        temporary.write_text(to_json(result, indent=2) + "\n")
    if plot is not None:
        from facegen.analysis.plots import plot_evaluation
        from facegen.images.sheets import save_png

        save_png(plot_evaluation(result), plot, provenance(result), force=force)


@click.command("evaluate")
@click.argument("sources", nargs=-1, required=True, metavar="FACES.h5|RESULT.json...")
@click.option(
    "--images", type=PATH, help="A folder or a face set to judge instead of a model's faces."
)
@decoder_option
@click.option("--r-limit", type=RADIUS, help="Points uniform in [-R, R] instead of normal ones.")
@click.option("--sigma", type=RADIUS, help="Standard deviation of normal points.  [default: 1]")
@click.option(
    "-n",
    "--n",
    "count",
    type=click.IntRange(2, 100_000),
    help="Faces of each kind.  [default: as many as are held out, at most 2000]",
)
@click.option(
    "--seed", type=SEED, default=0, show_default=True, help="Of points and of the choice of faces."
)
@click.option(
    "--pixels-only", is_flag=True, help="Without the two networks that facegen[quality] brings."
)
@click.option(
    "--compare", is_flag=True, help="Compare saved results side by side; SOURCES are these."
)
@click.option("--plot", type=PATH, help="Also draw the result, into this PNG.")
@click.option(
    "-o", "--output", type=PATH, help="The result.  [default: evaluation.json, overwritten]"
)
@strict_option
@force_option
@weights_options
@console_options
def command(
    console: Console,
    sources: tuple[str, ...],
    images: Path | None,
    decoder: str | None,
    r_limit: float | None,
    sigma: float | None,
    count: int | None,
    seed: int,
    pixels_only: bool,
    compare: bool,
    plot: Path | None,
    output: Path | None,
    strict: bool,
    force: bool,
    weights: Path | None,
    threads: int | None,
) -> None:
    """Measure how near generated faces are to real ones.

    The measure is the held-out faces of FACES.h5, at the size it was prepared for. The numbers
    are explained in docs/quality.md; only results of the same faces, count, seed and versions
    can be compared. Two networks that took no part in the training judge how near the faces are
    to real ones, and how various; --pixels-only does without them. Of a folder, the first photos
    that can be used are judged; one that can't be is skipped with its name and the reason on
    stderr, and the exit code is then 3.

    \b
    Examples:
        facegen evaluate faces.h5
        facegen evaluate faces.h5 --decoder plain -o plain.json --plot plain.png
        facegen evaluate faces.h5 --images new-faces.h5
        facegen evaluate --compare plain.json evaluation.json
    """
    if compare:
        _compare(console, sources)
        return
    _check_usage(click.get_current_context().params)

    from facegen.api.evaluate import evaluate
    from facegen.io.face_set import FaceSet
    from facegen.latent.sampler_choice import SamplerChoice

    overwrite = force or output is None  # the default name is there to be overwritten
    skipped: list[dict[str, str]] = []

    def on_skip(name: str, reason: str) -> None:
        skipped.append({"name": name, "reason": reason})
        console.skip(name, reason)

    with FaceSet.open(sources[0]) as faces:
        output = _check_outputs(output, plot, overwrite=overwrite, force=force)
        total = len(faces.rows("train"))
    if not pixels_only:
        _limit_tensorflow(threads)
    with console.progress(total, "face") as progress:
        result = evaluate(
            sources[0],
            weights=weights,
            decoder=decoder,
            images=images,
            sampler=SamplerChoice(sigma=sigma, r_limit=r_limit),
            count=count,
            seed=seed,
            networks=not pixels_only,
            threads=threads,
            progress=progress,
            on_skip=on_skip,
        )
    _write(result, output, plot, overwrite=overwrite, force=force)
    console.say(*table({output.name: result}))
    console.result(output, figures=result["figures"], skipped=skipped)
    finish_skipped(console, len(skipped), strict)


def summary(result: dict[str, Any], part: str = "figures") -> dict[str, str]:
    """The figures that fit on a line, by name."""
    found = result[part]
    cells = {
        "patch distance": " / ".join(f"{v:.0f}" for v in found["patch_distance"].values()),
        "texture": f"{found['texture']:.2f}",
        "sharpness": f"{found['sharpness']:.4f}",
        "diversity": f"{found['diversity']:.3f}",
    }
    for judge in ("objects", "faces"):
        if judge in found:
            cells |= _judgement(judge, found[judge])
    if part == "figures" and "reconstruction" in result:
        back = result["reconstruction"]
        cells |= {"excess": f"{back['excess']:.0f}", "psnr": f"{back['psnr']:.1f}"}
        cells["ssim"] = f"{back['ssim']:.3f}"
    return cells


def _judgement(judge: str, found: dict[str, float]) -> dict[str, str]:
    """What a network makes of pictures, by name."""
    shares = "/".join(f"{found[name]:.2f}" for name in ("precision", "recall", "coverage"))
    cells = {
        f"{judge}: kernel distance": f"{found['kernel_distance']:.1f}",
        f"{judge}: precision/recall/coverage": shares,
    }
    return cells | ({f"{judge}: found": f"{found['found']:.3f}"} if "found" in found else {})


def table(results: dict[str, dict[str, Any]]) -> list[str]:
    """Results side by side, real faces last, as lines of aligned text."""
    columns = {printable(name): summary(result) for name, result in results.items()}
    columns["real faces"] = summary(next(iter(results.values())), "real")
    names = list(dict.fromkeys(name for cells in columns.values() for name in cells))
    rows = [["", *columns]]
    rows += [[name, *(cells.get(name, "") for cells in columns.values())] for name in names]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
