"""generate: points of the latent space to sheets, single pictures or a face set."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facegen import sampling
from facegen.codec import Codec
from facegen.errors import InputError, OutputError
from facegen.files import check_output, output_errors
from facegen.sharpening import Sharpening
from facegen.sheets import make_sheet, save_png

BATCH = 128
ROWS_PER_PAGE = 20  # of faces; a sheet with more is split into pages


@dataclass(frozen=True)
class Sampler:
    """Where points come from.

    Attributes:
        sigma: points from N(0, sigma^2) in every coordinate, unless r_limit is given.
        r_limit: points uniform in [-r_limit, r_limit] in every coordinate.
    """

    sigma: float = 1.0
    r_limit: float | None = None

    def sample(self, rows: Sequence[int], latent_dim: int, *, seed: int) -> np.ndarray:
        """The points of some rows, float32 (len(rows), latent_dim)."""
        if self.r_limit is None:
            return sampling.normal(rows, latent_dim, seed=seed, sigma=self.sigma)
        return sampling.uniform(rows, latent_dim, seed=seed, r_limit=self.r_limit)

    @property
    def provenance(self) -> dict[str, Any]:
        if self.r_limit is None:
            return {"name": "normal", "sigma": self.sigma}
        return {"name": "uniform", "r_limit": self.r_limit}


@dataclass(frozen=True)
class Generation:
    """A model, a sampler, a seed and a sharpening: with a row number, everything about a face."""

    codec: Codec
    sampler: Sampler
    seed: int
    sharpening: Sharpening = Sharpening()

    def faces(self, rows: Sequence[int]) -> np.ndarray:
        """The faces of some rows, uint8 (len(rows), image_size, image_size, 3)."""
        z = self.sampler.sample(rows, self.codec.latent_dim, seed=self.seed)
        return self.sharpening.apply_to_faces(self.codec.decode(z))

    def provenance(self, rows: range) -> dict[str, Any]:
        """All that is needed to make the rows again."""
        last = f"-{rows[-1]}" if len(rows) > 1 else ""
        return {
            "command": "generate",
            "weights": self.codec.weights.provenance("decoder"),
            "sampler": self.sampler.provenance,
            "seed": self.seed,
            "rows": f"{rows[0]}{last}",
            "sharpening": self.sharpening.provenance,
        }

    def batches(self, count: int) -> Iterator[tuple[range, np.ndarray]]:
        """Yields (rows, faces) for rows 0 to count - 1."""
        for start in range(0, count, BATCH):
            rows = range(start, min(start + BATCH, count))
            yield rows, self.faces(rows)


def page_paths(output: Path, pages: int) -> list[Path]:
    """sheet.png, or sheet-1.png, sheet-2.png ... (with leading zeros) for several pages."""
    if pages == 1:
        return [output]
    digits = len(str(pages))
    return [output.with_stem(f"{output.stem}-{page:0{digits}}") for page in range(1, pages + 1)]


def generate_sheet(
    generation: Generation,
    count: int,
    output: str | os.PathLike,
    *,
    columns: int = 7,
    force: bool = False,
    progress: Callable[[int], object] = lambda done: None,
) -> list[Path]:
    """Writes contact sheets of rows 0 to count - 1, 20 rows of faces a page, as PNG.

    Returns:
        The paths written.

    Raises:
        OutputError: a sheet exists (without `force`) or can't be written; no page is written then.
    """
    per_page = ROWS_PER_PAGE * columns
    paths = page_paths(Path(output), -(-count // per_page))
    for path in paths:
        check_output(path, force=force)
    for page, path in enumerate(paths):
        rows = range(page * per_page, min((page + 1) * per_page, count))
        sheet, grid = make_sheet(generation.faces(rows), columns=columns)
        save_png(sheet, path, generation.provenance(rows), grid=grid, force=force)
        progress(len(rows))
    return paths


def generate_individual(
    generation: Generation,
    count: int,
    folder: str | os.PathLike,
    *,
    force: bool = False,
    progress: Callable[[int], object] = lambda done: None,
) -> list[Path]:
    """Writes one PNG a face into a folder, which is made if need be: face-0.png, face-1.png ...

    Returns:
        The paths written. Faces that were written before an error stay.

    Raises:
        OutputError: a picture exists (without `force`) or can't be written.
    """
    folder = Path(folder)
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    digits = len(str(count - 1))
    paths = [folder / f"face-{row:0{digits}}.png" for row in range(count)]
    taken = next((path for path in paths if path.exists() and not force), None)
    if taken:
        raise OutputError(f"{taken} exists already; choose another folder or add --force")
    for rows, faces in generation.batches(count):
        for row, face in zip(rows, faces, strict=True):
            provenance = generation.provenance(range(row, row + 1))
            save_png(Image.fromarray(face), paths[row], provenance, force=force)
            progress(1)
    return paths


def generate_face_set(
    generation: Generation,
    count: int,
    output: str | os.PathLike,
    *,
    force: bool = False,
    progress: Callable[[int], object] = lambda done: None,
) -> Path:
    """Writes rows 0 to count - 1 as a face set (facegen.faces), in flat memory.

    Raises:
        OutputError: the file exists (without `force`) or can't be written.
    """
    from facegen.faces import FaceSetWriter

    weights = generation.codec.weights
    with FaceSetWriter(
        output,
        size=generation.codec.image_size,
        source=f"facegen generate, weights {weights.name}",
        crop="generated",
        provenance=generation.provenance(range(count)),
        force=force,
    ) as writer:
        for rows, faces in generation.batches(count):
            writer.append(faces, [f"seed-{generation.seed}-row-{row}" for row in rows])
            progress(len(rows))
    return Path(output)


def generate(
    count: int = 28,
    *,
    weights: str | os.PathLike | None = None,
    sampler: Sampler = Sampler(),
    seed: int | None = None,
    sharpening: Sharpening = Sharpening(),
    threads: int | None = None,
) -> np.ndarray:
    """Makes new faces.

    Args:
        count: how many, at least 1.
        weights: a folder of weights; by default the model that comes with facegen.
        sampler: where their points come from.
        seed: 0..2^63-1; by default a fresh one. Face i is a function of (seed, i) alone.

    Returns:
        uint8 (count, image_size, image_size, 3).
    """
    from facegen.weights import Weights

    if count < 1:
        raise InputError(f"count must be at least 1, not {count}")
    seed = sampling.draw_seed() if seed is None else sampling.check_seed(seed)
    codec = Codec(Weights.load(weights), threads=threads)
    return Generation(codec, sampler, seed, sharpening).faces(range(count))
