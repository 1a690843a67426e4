"""reproduce: a picture made again from what it says about itself, and compared with itself.

Each command's picture is made by the function that made it the first time, from the same weights,
found by their digests, and the same input files, found by their names and compared by their
digests or fingerprints.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from facegen.codec import Codec
from facegen.errors import FacegenError, InputError, MissingFileError
from facegen.files import check_output, sha256_of
from facegen.generating import Generation, Sampler, StoredPoints, generate_sheet
from facegen.images import open_photo
from facegen.photos import read_file
from facegen.points import Point, PointReader
from facegen.radii import AtPercentiles, OnShell, RadiusQuantiles, Truncated
from facegen.retouching import sharpen_image
from facegen.rows import parse_rows
from facegen.sampling import PointSampler
from facegen.sharpening import Sharpening
from facegen.sheets import Grid, read_grid, read_provenance, save_png
from facegen.weights import DECODERS, Weights


@dataclass(frozen=True)
class Reproduced:
    """A picture made again.

    Attributes:
        path: what was written.
        largest_difference: of any channel of any pixel of the whole picture, of 255; 0 if the
            picture is the same bit for bit.
        provenance: what the picture says about itself.
    """

    path: Path
    largest_difference: int
    provenance: dict[str, Any]


@dataclass(frozen=True)
class Materials:
    """Where to find what a picture was made from.

    Attributes:
        codec: the model, checked to be the picture's.
        folders: where input files may be, by their recorded names.
    """

    codec: Codec
    folders: Sequence[Path]

    def find(self, name: str) -> Path:
        """An input file.

        Raises:
            MissingFileError: it is in none of the folders.
        """
        for path in (Path(name), *(folder / Path(name).name for folder in self.folders)):
            if path.is_file():
                return path
        places = ", ".join(str(folder) for folder in self.folders)
        raise MissingFileError(f"the picture needs {name}, which is not in {places}; see --from")

    def find_same(self, name: str, sha256: str) -> Path:
        """An input file with this digest.

        Raises:
            MissingFileError: it is in none of the folders.
            InputError: another file has its name.
        """
        path = self.find(name)
        if sha256_of(path) != sha256:
            raise InputError(f"{path} is another file than the one that the picture was made from")
        return path

    def points(self, sources: Sequence[dict[str, Any]]) -> list[Point]:
        """Points by their recorded sources.

        Raises:
            MissingFileError, InputError: a file is not found, or is another one than it was.
        """
        points = []
        for source in sources:
            reader = PointReader(
                self.codec,
                align=source.get("align", "auto"),
                box=tuple(source["box"]) if source.get("box") else None,
            )
            (point,) = reader.read([self._name(source)])
            for key in ("fingerprint", "sha256"):
                if point.source.get(key) != source.get(key):
                    raise InputError(
                        f"{self._name(source)} is not what the picture was made from: its {key} "
                        "is another"
                    )
            points.append(point)
        return points

    def _name(self, source: dict[str, Any]) -> str:
        """A source as `facegen.points` names it."""
        if "seed" in source:
            return f"seed:{source['seed']}:{source['row']}"
        for kind in ("faces", "latents"):
            if kind in source:
                return f"{self.find(source[kind])}:{source['row']}"
        return str(self.find(source["photo"]))


def find_codec(
    provenance: dict[str, Any], weights: str | os.PathLike | None, threads: int | None
) -> Codec:
    """The model that made a picture.

    Raises:
        InputError: the weights are others than the picture's; the message names these.
    """
    made_by = provenance["weights"]
    found = Weights.load(weights)
    decoder = made_by.get("decoder", "plain")
    halves = {"encoder": "encoder_sha256", DECODERS[decoder]: "decoder_sha256"}
    for half, key in halves.items():
        available = (found.path / f"{half}.tflite").exists()
        if key in made_by and (not available or found.digest(f"{half}.tflite") != made_by[key]):
            raise InputError(
                f"the picture was made by the weights {made_by['name']} ({decoder} {key} "
                f"{made_by[key][:12]}), {found.path} has others; name theirs with --weights"
            )
    return Codec(found, decoder=decoder, threads=threads)


def find_sampler(recorded: dict[str, Any], materials: Materials) -> PointSampler:
    """The sampler that a picture's points came from."""
    sampler, mean = _find_source(recorded, materials)
    if "radius" in recorded:
        sampler = OnShell(sampler, recorded["radius"])
    if "radius_percentile" in recorded:
        radii = RadiusQuantiles.parse(recorded["radius_quantiles"])
        low, high = recorded["radius_percentile"]
        sampler = AtPercentiles(sampler, low, high, radii)
    if "truncation" in recorded:
        sampler = Truncated(sampler, mean, recorded["truncation"])
    if "move" in recorded:
        from facegen.editing import MovedPoints

        sampler = MovedPoints(sampler, _find_move(recorded["move"], materials))
    return sampler


def _find_source(recorded: dict[str, Any], materials: Materials) -> tuple[PointSampler, np.ndarray]:
    """Where points come from before they are moved, and their mean."""
    mean = np.zeros(materials.codec.latent_dim, np.float32)
    name = recorded["name"]
    if name == "normal":
        return Sampler(sigma=recorded["sigma"]), mean
    if name == "uniform":
        return Sampler(r_limit=recorded["r_limit"]), mean
    if name == "fitted":
        from facegen.fitted import FittedSampler

        path = materials.find_same(recorded["sampler"], recorded["sampler_sha256"])
        fitted = FittedSampler.load(path)
        return fitted, fitted.mean
    if name == "latents":
        return _find_stored(recorded, materials), mean
    raise InputError(f"the picture's points come from a sampler {name!r}; upgrade facegen")


def _find_stored(recorded: dict[str, Any], materials: Materials) -> StoredPoints:
    from facegen.latents import Latents

    store = Latents.open(materials.find(recorded["latents"]))
    stored = StoredPoints(store, recorded["points"])
    for key in ("latents_fingerprint", "epsilon_scale", "encoder_sha256"):
        if stored.provenance[key] != recorded[key]:
            raise InputError(
                f"{store.path} is not the store that the picture was made from: its {key} is "
                "another"
            )
    return stored


def _find_move(recorded: dict[str, Any], materials: Materials) -> Any:
    from facegen.directions import FILE_NAME, Directions, Move

    beside = materials.codec.weights.path / FILE_NAME
    if beside.is_file() and sha256_of(beside) == recorded["attributes_sha256"]:
        path = beside
    else:
        path = materials.find_same(recorded["attributes_file"], recorded["attributes_sha256"])
    return Move(Directions.read(path), recorded["attributes"], recorded["without"])


def _sharpening(recorded: dict[str, Any] | None) -> Sharpening:
    """A sharpening by its provenance."""
    recorded = recorded or {}
    unsharp = recorded.get("unsharp")
    return Sharpening(recorded.get("sharpness"), tuple(unsharp) if unsharp else None)


def _remake_generate(
    provenance: dict[str, Any], grid: Grid | None, materials: Materials, output: Path
) -> None:
    sampler = find_sampler(provenance["sampler"], materials)
    sharpening = _sharpening(provenance["sharpening"])
    generation = Generation(materials.codec, sampler, provenance["seed"], sharpening)
    rows = cast(Sequence[int], parse_rows(provenance["rows"]))
    if "nearest" in provenance:
        _remake_nearest(generation, rows, provenance["nearest"], materials, output, grid)
    elif grid is None:
        save_png(Image.fromarray(generation.faces(rows)[0]), output, {})
    else:
        generate_sheet(generation, rows, output, columns=grid.columns)


def _remake_nearest(
    generation: Generation,
    rows: Sequence[int],
    recorded: dict[str, Any],
    materials: Materials,
    output: Path,
    grid: Grid | None,
) -> None:
    from facegen.faces import FaceSet
    from facegen.latents import Latents
    from facegen.nearest import TrainingFaces, generate_nearest

    shown = recorded["shown"]
    with Latents.open(materials.find(recorded["latents"])) as store:
        face_set = None if shown == "reconstructions" else FaceSet.open(materials.find(shown))
        training = TrainingFaces(store, materials.codec, face_set)
        generate_nearest(generation, rows, training, output, columns=grid.columns if grid else 7)


def _remake_reconstruct(
    provenance: dict[str, Any], grid: Grid | None, materials: Materials, output: Path
) -> None:
    from facegen.reconstructing import Originals, reconstruct_sheet

    points = materials.points(provenance["points"])
    originals = Originals(
        np.stack([cast(np.ndarray, point.original) for point in points]),
        provenance["names"],
        provenance["rows"],
        [point.source for point in points],
    )
    reconstruct_sheet(
        materials.codec,
        originals,
        output,
        seed=provenance["seed"],
        sample=provenance["sample"],
        columns=grid.columns if grid else 7,
        sharpening=_sharpening(provenance["sharpening"]),
    )


def _remake_edit(
    provenance: dict[str, Any], grid: Grid | None, materials: Materials, output: Path
) -> None:
    from facegen.editing import edit_sheet

    edit_sheet(
        materials.codec,
        materials.points(provenance["points"]),
        _find_move(provenance["move"], materials),
        output,
        steps=provenance["steps"],
        sharpening=_sharpening(provenance["sharpening"]),
    )


def _remake_morph(
    provenance: dict[str, Any], grid: Grid | None, materials: Materials, output: Path
) -> None:
    from facegen.morphing import morph_to_file

    morph_to_file(
        materials.codec,
        materials.points(provenance["points"]),
        output,
        steps=provenance["steps"],
        path=provenance["path"],
        scale=provenance["scale"],
        sharpening=_sharpening(provenance["sharpening"]),
    )


REMAKERS = {
    "generate": _remake_generate,
    "reconstruct": _remake_reconstruct,
    "edit": _remake_edit,
    "morph": _remake_morph,
}


def remake(provenance: dict[str, Any], grid: Grid | None, materials: Materials) -> Image.Image:
    """The picture that a provenance describes.

    Raises:
        MissingFileError, InputError: something that it was made from is missing or another.
    """
    with tempfile.TemporaryDirectory(prefix="facegen-") as folder:
        path = Path(folder) / "picture.png"
        REMAKERS[provenance["command"]](provenance, grid, materials, path)
        picture = Image.open(path).copy()
    for recorded in provenance.get("sharpened", []):
        picture = sharpen_image(picture, _sharpening(recorded), grid)
    return picture


def _cut(picture: Image.Image, grid: Grid | None, cell: tuple[int, int]) -> Image.Image:
    """One tile of a sheet; row and column count from 1."""
    rows, columns = (grid.rows, grid.columns) if grid else (1, 1)
    row, column = cell
    if not (1 <= row <= rows and 1 <= column <= columns):
        raise InputError(f"the picture has {rows} rows of {columns} faces; there is no cell {cell}")
    if grid is None:
        return picture
    left = grid.margin + (column - 1) * (grid.width + grid.gap)
    upper = grid.margin + (row - 1) * (grid.height + grid.gap)
    return picture.crop((left, upper, left + grid.width, upper + grid.height))


def difference(a: Image.Image, b: Image.Image) -> int:
    """The largest difference of any channel of any pixel; 255 for pictures of different sizes."""
    if a.size != b.size:
        return 255
    values = [np.asarray(image.convert("RGB"), np.int16) for image in (a, b)]
    return int(np.abs(values[0] - values[1]).max())


def reproduce(
    picture: str | os.PathLike,
    output: str | os.PathLike,
    *,
    cell: tuple[int, int] | None = None,
    size: int | None = None,
    weights: str | os.PathLike | None = None,
    folders: Sequence[str | os.PathLike] = (),
    threads: int | None = None,
    force: bool = False,
) -> Reproduced:
    """Makes a PNG of generate, reconstruct, edit or morph again from its own provenance.

    Args:
        picture: the PNG, sharpened by `facegen sharpen` or not.
        output: the PNG to write.
        cell: row and column of a sheet, from 1; by default the whole sheet.
        size: height in pixels, enlarged or reduced (LANCZOS); by default as it was.
        weights: a folder of weights; by default the model that comes with facegen.
        folders: where its input files are, besides the current folder and the picture's.

    Raises:
        MissingFileError: the picture, or something that it was made from, is missing.
        InputError: the picture has no provenance or a damaged one, or the weights or input files
            are others than it was made from.
        OutputError: the output exists (without `force`) or can't be written.
    """
    picture = Path(picture)
    check_output(output, force=force)
    if not picture.is_file():
        raise MissingFileError(f"{picture} does not exist")
    try:
        original = open_photo(read_file(picture))
        original.load()
        provenance = read_provenance(original)
        grid = read_grid(provenance, original.size)
    except (InputError, OSError) as error:
        raise InputError(f"{picture}: {error}") from error
    if provenance is None:
        raise InputError(
            f"{picture} carries no provenance: facegen did not make it, or it was edited"
        )
    if provenance.get("command") not in REMAKERS or original.format != "PNG":
        raise InputError(
            f"{picture} is a {original.format} of 'facegen {provenance.get('command')}'; PNGs of "
            f"{', '.join(REMAKERS)} can be reproduced"
        )
    try:
        codec = find_codec(provenance, weights, threads)
        places = [Path(), picture.parent, *map(Path, folders)]
        again = remake(provenance, grid, Materials(codec, places))
    except FacegenError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{picture}: the provenance is damaged: {error!r}") from error
    changed = difference(original, again)
    shown = again if cell is None else _cut(again, grid, cell)
    if size is not None:
        width = round(shown.width * size / shown.height)
        shown = shown.resize((width, size), Image.Resampling.LANCZOS)
    record = dict(provenance)
    if cell is not None or size is not None:
        record.pop("grid", None)
        record |= {"reproduced": {"cell": list(cell) if cell else None, "size": size}}
    save_png(shown, output, record, force=force)
    return Reproduced(Path(output), changed, provenance)
