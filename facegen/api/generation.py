"""A generation: the faces of a model, a sampler and a seed, as sheets, pictures or a face set."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from facegen.errors import OutputError
from facegen.images.sharpening import Sharpening
from facegen.images.sheets import ROWS_PER_PAGE, make_sheet, save_png
from facegen.io.files import check_output, output_folder
from facegen.latent.samplers import PointSampler
from facegen.model.codec import Codec
from facegen.row_ranges import format_rows

if TYPE_CHECKING:
    from facegen.cluster.cluster import Cluster
    from facegen.io.parts import Part

BATCH = 128


@dataclass(frozen=True)
class Generation:
    """A model, a sampler, a seed and a sharpening: with a row number, everything about a face.

    The seed of stored points is that of their epsilon; `facegen encode` has used it.
    """

    codec: Codec
    sampler: PointSampler
    seed: int
    sharpening: Sharpening = Sharpening()

    def faces(self, rows: Sequence[int]) -> np.ndarray:
        """The faces of some rows, uint8 (len(rows), image_size, image_size, 3)."""
        return self.sharpening.apply_to_faces(self.codec.decode(self._points(rows)))

    def _points(self, rows: Sequence[int]) -> np.ndarray:
        return self.sampler.sample(rows, self.codec.latent_dim, seed=self.seed)

    def provenance(self, rows: Sequence[int]) -> dict[str, Any]:
        """All that is needed to make the rows again."""
        return {
            "command": "generate",
            "weights": self.codec.weights.provenance(self.codec.decoder),
            "sampler": self.sampler.provenance,
            "seed": self.seed,
            "rows": format_rows(rows),
            "sharpening": self.sharpening.provenance,
        }

    def batches(self, rows: Sequence[int]) -> Iterator[tuple[Sequence[int], np.ndarray]]:
        """Yields (some of the rows, their faces)."""
        for start in range(0, len(rows), BATCH):
            some = rows[start : start + BATCH]
            yield some, self.faces(some)

    def batches_on(
        self, cluster: Cluster, rows: Sequence[int]
    ) -> Iterator[tuple[Sequence[int], np.ndarray]]:
        """As `batches`, in the same steps, decoded on a cluster."""
        from facegen.cluster.cluster import BLOCK_ROWS
        from facegen.cluster.jobs import DecodeJob

        job = DecodeJob(
            self.codec.carrying(self.codec.decoder, threads=cluster.threads), self.sharpening
        )
        blocks = [rows[start : start + BLOCK_ROWS] for start in range(0, len(rows), BLOCK_ROWS)]
        results = cluster.run(job, (self._points(some) for some in blocks))
        for block, (faces,) in zip(blocks, results, strict=True):
            for start in range(0, len(block), BATCH):
                yield block[start : start + BATCH], faces[start : start + BATCH]


def split_pages(output: Path, rows: Sequence[int], per_page: int) -> dict[Path, Sequence[int]]:
    """The rows on each page: sheet.png, or sheet-1.png, sheet-2.png ... (with leading zeros)."""
    shown = [rows[start : start + per_page] for start in range(0, len(rows), per_page)]
    if len(shown) <= 1:
        return {output: rows}
    digits = len(str(len(shown)))
    names = (f"{output.stem}-{page:0{digits}}" for page in range(1, len(shown) + 1))
    return {output.with_stem(name): some for name, some in zip(names, shown, strict=True)}


def generate_sheet(
    generation: Generation,
    rows: Sequence[int],
    output: str | os.PathLike,
    *,
    columns: int = 7,
    force: bool = False,
    progress: Callable[[int], object] = lambda done: None,
) -> dict[Path, Sequence[int]]:
    """Writes contact sheets of some rows, 20 rows of faces a page, as PNG.

    Returns:
        For each path written, the rows that it shows.

    Raises:
        OutputError: a sheet exists (without `force`) or can't be written; no page is written then.
    """
    pages = split_pages(Path(output), rows, ROWS_PER_PAGE * columns)
    for path in pages:
        check_output(path, force=force)
    for path, shown in pages.items():
        sheet, grid = make_sheet(generation.faces(shown), columns=columns)
        save_png(sheet, path, generation.provenance(shown), grid=grid, force=force)
        progress(len(shown))
    return pages


def generate_individual(
    generation: Generation,
    rows: Sequence[int],
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
    digits = len(str(max(rows)))
    paths = {row: folder / f"face-{row:0{digits}}.png" for row in rows}
    taken = next((path for path in paths.values() if path.exists() and not force), None)
    if taken:
        raise OutputError(f"{taken} exists already; choose another folder or add --force")
    with output_folder(folder):
        for some, faces in generation.batches(list(paths)):
            for row, face in zip(some, faces, strict=True):
                provenance = generation.provenance([row])
                save_png(Image.fromarray(face), paths[row], provenance, force=force)
                progress(1)
    return list(paths.values())


def generate_face_set(
    generation: Generation,
    rows: Sequence[int],
    output: str | os.PathLike,
    *,
    part: Part | None = None,
    force: bool = False,
    ray: str | None = None,
    threads: int | None = None,
    progress: Callable[[int], object] = lambda done: None,
) -> Path:
    """Writes some rows as a face set (facegen.io.face_set), in flat memory; `part` says which of
    a whole's they are.

    Args:
        ray: decode on the Ray cluster of this address (`facegen.cluster.cluster.connect`).
        threads: of each worker there; by default one.

    Raises:
        OutputError: the file exists (without `force`) or can't be written.
        FacegenError: the cluster doesn't answer, or is lost.
    """
    from facegen.io.face_set_writer import FaceSetWriter

    weights = generation.codec.weights
    with ExitStack() as stack:
        writer = stack.enter_context(
            FaceSetWriter(
                output,
                size=generation.codec.image_size,
                source=f"facegen generate, weights {weights.name}",
                crop="generated",
                provenance=generation.provenance(rows),
                part=part,
                force=force,
            )
        )
        batches = generation.batches(rows)
        if ray is not None:
            from facegen.cluster.cluster import connect

            cluster = stack.enter_context(connect(ray, threads=threads or 1))
            batches = generation.batches_on(cluster, rows)
        for some, faces in batches:
            writer.append(faces, [f"seed-{generation.seed}-row-{row}" for row in some])
            progress(len(some))
    return Path(output)
