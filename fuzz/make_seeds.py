"""python fuzz/make_seeds.py: writes small valid inputs of each target into fuzz/seeds/TARGET/.

They are drawn, not photographed. The files are kept in the repository; libFuzzer begins with them.
A table of Parquet needs pyarrow.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image

from facegen.images.sheets import make_sheet, save_png
from facegen.io import face_set, hdf5
from facegen.io.checkpoint import save_checkpoint
from facegen.io.component_file import ComponentArrays, Source, write_components
from facegen.io.files import atomic_output
from facegen.io.latent_store import Origin
from facegen.io.latent_writer import write_latents
from facegen.io.onnx_file import BEGINNING, KEY
from facegen.io.parquet_file import write_parquet
from facegen.io.projector_files import CONFIG, write_projector
from facegen.io.sqlite_file import write_sqlite
from facegen.strict_json import to_json

SEEDS = Path(__file__).parent / "seeds"


def drawing(width: int = 20, height: int = 16) -> Image.Image:
    """A smooth picture: red grows to the right, green downwards."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 255 // width, y * 255 // height, (x + y) * 4], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


def write_pictures(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = drawing()
    frames: dict[str, Any] = {"save_all": True, "append_images": [picture.rotate(90)]}
    kinds: dict[str, tuple[str, Image.Image, dict[str, Any]]] = {
        "rgb.jpg": ("JPEG", picture, {"exif": exif}),
        "cmyk.jpg": ("JPEG", picture.convert("CMYK"), {}),
        "rgb.png": ("PNG", picture, {}),
        "palette.png": ("PNG", picture.quantize(9), {"transparency": 0}),
        "sixteen.png": ("PNG", Image.fromarray(np.arange(256, dtype="<u2").reshape(16, 16)), {}),
        "rgb.webp": ("WEBP", picture, {"lossless": True}),
        "rgb.bmp": ("BMP", picture, {}),
        "gray.pgm": ("PPM", picture.convert("L"), {}),
        "packed.tif": ("TIFF", picture, {"compression": "packbits"}),
        "float.tif": ("TIFF", picture.convert("F"), {}),
        "frames.gif": ("GIF", picture, frames),
        "rgb.jp2": ("JPEG2000", picture, {}),
        "rgb.avif": ("AVIF", picture, {}),
        "rgb.tga": ("TGA", picture, {}),
    }
    for name, (kind, image, options) in kinds.items():
        image.save(folder / name, kind, **options)


def write_sheets(folder: Path) -> None:
    tiles = np.full((3, 4, 4, 3), 90, np.uint8)
    sheet, grid = make_sheet(tiles, columns=2)
    save_png(sheet, folder / "sheet.png", {"command": "generate", "seed": 5}, grid=grid)
    text = '{"facegen_version": "0.1.0", "command": "morph", "rows": "0-3"}'
    drawing().save(folder / "morph.gif", comment=text.encode())
    exif = Image.Exif()
    exif[0x010E] = text
    drawing().save(folder / "morph.webp", exif=exif)


def write_faces(folder: Path) -> None:
    """A face set as facegen.io.face_set describes it, but without chunks, which take 1 MiB."""
    with h5py.File(folder / "faces.h5", "w") as file:
        hdf5.set_format(file, face_set.FORMAT, face_set.FORMAT_VERSION)
        file.attrs.update({"source": "toys", "crop": "none", "size": 4, "fingerprint": ""})
        file["images"] = np.full((3, 4, 4, 3), 9, np.uint8)
        file.create_dataset("names", data=["a.png", "b.png", "ç.png"], dtype=hdf5.TEXT)
        file.create_dataset("split", data=[1, 0, 0], dtype=hdf5.SPLIT_DTYPE)
        file["identities"] = np.arange(3, dtype=np.int32)


def write_stores(folder: Path) -> None:
    points = np.arange(6, dtype=np.float32).reshape(3, 2)
    options: dict[str, Any] = {
        "latent_dim": 2,
        "identities": np.arange(3),
        "attributes": np.ones((3, 1)),
        "attribute_names": ["Smiling"],
    }
    write_latents(folder / "latents.h5", [(points,) * 3], ["a", "b", "ç"], force=True, **options)


def write_checkpoints(folder: Path) -> None:
    state = {"epoch": 1, "model": {"latent_dim": 2}}
    save_checkpoint(folder / "state.h5", [np.ones((3, 2), np.float32)], state)


WEIGHTS = {"name": "toy", "encoder_sha256": "0" * 64}
STORE = {"latents": "latents.h5", "rows_done": 3, "origin": asdict(Origin())}


def write_directions(folder: Path) -> None:
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    numbers = np.full(3, 0.25)
    names, labels = ["pc-1", "pc-2", "layer-1"], ["Smiling", "", ""]
    source = Source("0" * 64, "0" * 64, "toy", "latents.h5", 3, 2)
    arrays = ComponentArrays(names, vectors, numbers, labels, numbers, source)
    made = {"command": "attributes", "weights": WEIGHTS, "count": 3, "min_count": 20, **STORE}
    write_components(folder / "components.h5", arrays, provenance=made, force=True)


def export_made(kind: str) -> str:
    """What an export of a store says of how it was made."""
    return to_json({"command": "export", "kind": kind, "points": "z", **STORE})


def write_exports(folder: Path) -> None:
    points = np.arange(6, dtype=np.float32).reshape(3, 2)
    batch = {"row": np.arange(3), "name": ["a", "b", "ç"], "z": points}
    for kind, write in (("parquet", write_parquet), ("sqlite", write_sqlite)):
        with atomic_output(folder / f"table.{kind}") as temporary:
            write(temporary, [batch], export_made(kind))
    with tempfile.TemporaryDirectory() as projector:
        write_projector(projector, [batch], export_made("projector"))
        shutil.copy(Path(projector) / CONFIG, folder)
    weights = {"name": "toy", "decoder_sha256": "0" * 64}
    record = to_json({"command": "export", "kind": "onnx", "weights": weights}).encode()
    pair = field(1, KEY.encode()) + field(2, record)
    (folder / "decoder.onnx").write_bytes(BEGINNING + field(14, pair))


def field(number: int, content: bytes) -> bytes:
    """A field of bytes of Protocol Buffers, shorter than 16384."""
    return bytes([number * 8 + 2, len(content) % 128 + 128, len(content) // 128]) + content


def main() -> None:
    writers = {
        "picture": write_pictures,
        "sheet": write_sheets,
        "faces": write_faces,
        "latents": write_stores,
        "checkpoint": write_checkpoints,
        "components": write_directions,
        "export": write_exports,
    }
    for target, write in writers.items():
        folder = SEEDS / target
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        write(folder)


if __name__ == "__main__":
    main()
