"""Files that are damaged, hostile or odd, for tests/bad_input_cases.py.

A `Make` writes what a case needs into the folder it is given.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import sqlite3
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image, PngImagePlugin

from facegen.api.prepare import prepare
from facegen.io.face_set_writer import FaceSetWriter
from facegen.io.latent_store import Origin
from facegen.io.latent_writer import LatentsWriter, write_latents
from facegen.io.parts import Part
from facegen.io.weights import FILES, Weights
from facegen.io.weights_writer import publish_model, write_config
from facegen.options import ModelOptions
from facegen.shards import Shard
from toys import draw_photo

Make = Callable[[Path], Any]


def noise() -> Image.Image:
    """A picture that no format makes small."""
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (60, 60, 3), np.uint8))


def picture(kind: str = "PNG", image: Image.Image | None = None, **options: Any) -> bytes:
    """An encoded picture, by default of 40x30 pixels."""
    file = io.BytesIO()
    (image or draw_photo(40, 30)).save(file, kind, **options)
    return file.getvalue()


def photos(*others: tuple[str, bytes]) -> Make:
    """A folder `photos` with a good one and others."""

    def make(folder: Path) -> None:
        (folder / "photos").mkdir()
        for name, data in (("good.png", picture()), *others):
            (folder / "photos" / name).write_bytes(data)

    return make


def file(name: str, data: bytes) -> Make:
    """A single file."""
    return lambda folder: (folder / name).write_bytes(data)


def png_of_zeros(width: int, height: int, *, bits: int = 1, colour: int = 0) -> bytes:
    """A PNG, all black: a thousandth of its pixels' size.

    Args:
        bits: of a channel.
        colour: the PNG's number of the kind: 0 gray, 2 RGB.
    """

    def chunk(kind: bytes, data: bytes) -> bytes:
        end = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + end

    channels = 3 if colour == 2 else 1
    rows = zlib.compress(bytes((1 + -(-width * channels * bits // 8)) * height), 9)
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def webp_of_size(width: int, height: int) -> bytes:
    """A WebP whose header, of VP8L, has another size."""
    data = picture("WEBP", lossless=True)
    sides = struct.pack("<I", (width - 1) | (height - 1) << 14 | data[24] & 0xF0 << 24)
    return data[:21] + sides + data[25:]


def long_exif() -> bytes:
    """A JPEG whose EXIF data, of 100 KB, take two segments: each begins with its kind."""
    exif = Image.Exif()
    exif[0x010E] = "long" * 25_000
    data = exif.tobytes().removeprefix(b"Exif\0\0")
    parts = [b"Exif\0\0" + part for part in (data[:60_000], data[60_000:])]
    segments = [b"\xff\xe1" + struct.pack(">H", 2 + len(part)) + part for part in parts]
    jpeg = picture("JPEG")
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def icon(data: bytes) -> bytes:
    """An ICO of 16x16 pixels, as it says, with a PNG inside."""
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(data), 22)
    return struct.pack("<HHH", 0, 1, 1) + entry + data


def animation() -> bytes:
    frames = [draw_photo(40, 30).rotate(10 * i) for i in range(3)]
    return picture("GIF", frames[0], save_all=True, append_images=frames[1:])


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


def encrypted(data: bytes) -> bytes:
    """A zip whose members are marked as encrypted."""
    changed = bytearray(data)
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        for start in range(len(data)):
            if data.startswith(signature, start):
                changed[start + offset] |= 1
    return bytes(changed)


def lying(data: bytes, size: int) -> bytes:
    """A zip whose directory says that its only member has `size` bytes."""
    start = data.rindex(b"PK\1\2") + 24
    return data[:start] + struct.pack("<I", size) + data[start + 4 :]


def packed_as_bzip2(data: bytes) -> bytes:
    """A zip whose only member is said to be packed by bzip2."""
    start = data.rindex(b"PK\1\2") + 10
    packed = data[:start] + struct.pack("<H", zipfile.ZIP_BZIP2) + data[start + 2 :]
    return packed[:8] + struct.pack("<H", zipfile.ZIP_BZIP2) + packed[10:]


def tarred(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return content.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """A member of a tar that is no file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def endless_name() -> bytes:
    """A tar.gz of 300 KB whose first member has a name of 300 MB."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 300 << 20
    return gzip.compress(info.tobuf(tarfile.GNU_FORMAT)) + 300 * gzip.compress(bytes(1 << 20))


def sparse(format: str) -> bytes:
    """A tar whose first member is a sparse file, as GNU tar or POSIX write them."""
    info = tarfile.TarInfo("a.jpg")
    if format == "gnu":
        info.type = tarfile.GNUTYPE_SPARSE
        return info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    return info.tobuf(tarfile.PAX_FORMAT) + b"9\n1\n" + bytes(2044)


def faces(folder: Path, size: int = 96) -> None:
    """A face set of three faces, faces.h5."""
    with FaceSetWriter(folder / "faces.h5", size=size, source="toys", crop="none") as writer:
        writer.append(np.full((3, size, size, 3), 99, np.uint8), ["a.png", "b.png", "c.png"])
        writer.set_split(np.array([True, False, False]))
        writer.set_labels(np.arange(3), np.ones((3, 1)), ["Smiling"])


def prepared(folder: Path) -> None:
    """Photos, and the face set that they were prepared into, faces.h5."""
    photos(("other.png", picture("BMP")))(folder)
    prepare(folder / "photos", folder / "faces.h5", size=16, test_fraction=0, workers=1)


def together(*makes: Make) -> Make:
    """What several make."""

    def make(folder: Path) -> None:
        for one in makes:
            one(folder)

    return make


def damage_row_1(opened: h5py.File) -> None:
    """Another program's change of a face."""
    opened["images"][1] = 0


def changed(make: Make, name: str, change: Callable[[h5py.File], Any]) -> Make:
    """An HDF5 file that another program changed."""

    def made(folder: Path) -> None:
        make(folder)
        with h5py.File(folder / name, "r+") as opened:
            change(opened)

    return made


def store(folder: Path) -> None:
    """A store of three rows for the weights that come with facegen, latents.h5."""
    points = np.zeros((3, 256), np.float32)
    digest = Weights.load().digest("encoder.tflite")
    write_latents(
        folder / "latents.h5",
        [(points, points, points)],
        ["a.png", "b.png", "c.png"],
        latent_dim=256,
        attributes=np.ones((3, 1), np.int8),
        attribute_names=["Smiling"],
        origin=Origin(encoder_sha256=digest),
    )


def part(name: str, shard: int, *, seed: int = 1, encoder: str = "a", rows: int = 2) -> Make:
    """Part `shard` of 3 of a store of six rows, with so many of its two rows."""

    def made(folder: Path) -> None:
        one = Part(Shard(shard, 3), 6)
        points = np.zeros((rows, 4), np.float32)
        labels = {"names": ["a.png", "b.png"], "split": np.zeros(2, np.uint8)}
        origin = Origin(encoder_sha256=encoder, fingerprint=one.mark("f"))
        with LatentsWriter(
            folder / name, origin, labels, rows=2, latent_dim=4, part=one, seed=seed
        ) as writer:
            writer.append(points, points, points)

    return made


def replaced(name: str, **options: Any) -> Callable[[h5py.File], Any]:
    """A change of an HDF5 file: a dataset makes room for another."""

    def change(opened: h5py.File) -> None:
        del opened[name]
        opened.create_dataset(name, **options)

    return change


def linked(name: str, link: object) -> Callable[[h5py.File], Any]:
    """A change of an HDF5 file: a dataset makes room for a link."""

    def change(opened: h5py.File) -> None:
        del opened[name]
        opened[name] = link

    return change


def to_virtual(opened: h5py.File) -> None:
    layout = h5py.VirtualLayout((3,), np.uint8)
    layout[:] = h5py.VirtualSource("other.h5", "split", (3,))
    del opened["split"]
    opened.create_virtual_dataset("split", layout)


def to_huge(opened: h5py.File) -> None:
    """Declares a billion faces in a file of 100 KB."""
    rows = 10**9
    shapes = {"images": (rows, 96, 96, 3), "names": (rows,), "split": (rows,)}
    for name, shape in shapes.items():
        dtype = opened[name].dtype
        del opened[name]
        opened.create_dataset(name, shape, dtype, chunks=(1, *shape[1:]))


def set_nan(opened: h5py.File) -> None:
    opened["z"][1, 5] = np.nan


def narrowed(opened: h5py.File) -> None:
    """Points of four coordinates."""
    for name in ("mu", "logvar", "z"):
        replaced(name, data=np.zeros((3, 4), np.float32))(opened)


def weights(folder: Path) -> Path:
    """A folder of weights, w, whose files are no graphs; its config.json is in order."""
    path = folder / "w"
    path.mkdir()
    publish(path, {name: name.encode() for name in FILES})
    return path


def publish(path: Path, contents: dict[str, bytes]) -> None:
    """Makes a folder of weights of these files, and of what of the others is there."""
    with publish_model(path) as stage:
        for name in FILES:
            stage(name).write_bytes(
                contents[name] if name in contents else (path / name).read_bytes()
            )
        write_config(stage, model=vars(ModelOptions()), training={}, data={}, metrics={})


def config(change: Callable[[dict[str, Any]], Any]) -> Make:
    """Weights whose config.json somebody changed."""

    def make(folder: Path) -> None:
        path = weights(folder) / "config.json"
        values = json.loads(path.read_text())
        change(values)
        path.write_text(json.dumps(values))

    return make


def config_text(text: bytes) -> Make:
    return lambda folder: (weights(folder) / "config.json").write_bytes(text)


def real_weights(folder: Path) -> Path:
    """A copy of the weights that come with facegen, by links that may be replaced."""
    source, path = Weights.load().path.resolve(), folder / "w"
    path.mkdir()
    for item in source.iterdir():
        (path / item.name).symlink_to(item)
    return path


def damaged_graph(folder: Path) -> None:
    """A decoder that was exchanged without telling config.json."""
    path = real_weights(folder) / "decoder.tflite"
    data = bytearray(path.read_bytes())
    path.unlink()
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def no_graph(folder: Path) -> None:
    (real_weights(folder) / "decoder.tflite").unlink()


def lambda_config() -> str:
    """The config of a Keras model with a Lambda layer that would write a file when it is loaded."""
    code = "__import__('pathlib').Path('owned').touch()"
    layer = {"class_name": "Lambda", "config": {"name": "x", "function": [code, None, None]}}
    return json.dumps({"class_name": "Sequential", "config": {"layers": [layer]}})


def keras_bytes() -> bytes:
    return zipped({"config.json": lambda_config().encode(), "metadata.json": b"{}"})


def keras_archive(folder: Path) -> None:
    (folder / "model.keras").write_bytes(keras_bytes())


def keras_as_decoder(folder: Path) -> None:
    """A Keras archive named as a graph, of which config.json knows."""
    path = weights(folder)
    publish(path, {"decoder.tflite": keras_bytes()})


def wrong_latent_dim(folder: Path) -> None:
    """Weights whose config.json says one dimension less than the decoder takes."""
    path = real_weights(folder) / "config.json"
    values = json.loads(path.read_text())
    values["model"]["latent_dim"] -= 1
    path.unlink()
    path.write_text(json.dumps(values))


def keras_h5(folder: Path) -> None:
    """The old Keras format in place of the encoder's arrays."""
    with h5py.File(folder / "model.h5", "w") as opened:
        opened.attrs["model_config"] = lambda_config()


def claiming(provenance: str) -> bytes:
    """A picture with a text chunk of facegen's."""
    text = PngImagePlugin.PngInfo()
    text.add_itxt("facegen", provenance, zip=True)
    return picture(pnginfo=text)


def listed(end: bytes, *names: str) -> Make:
    """Photos of these names, and their names in the file `stdin`, with `end` after each."""
    stdin = b"".join(os.fsencode(name) + end for name in names)
    return all_of(file("stdin", stdin), *(file(name, picture()) for name in names))


def all_of(*makes: Make) -> Make:
    """One after the other."""
    return lambda folder: [make(folder) for make in makes]


def sqlite(name: str, script: str) -> Make:
    """A SQLite database that a script makes."""

    def make(folder: Path) -> None:
        with closing(sqlite3.connect(folder / name)) as database:
            database.executescript(script)

    return make


def folder(name: str) -> Make:
    return lambda folder: (folder / name).mkdir()


def mode(name: str, bits: int) -> Make:
    """Sets permission bits."""
    return lambda folder: (folder / name).chmod(bits)


def resized(name: str, size: int) -> Make:
    """Makes a file longer, without taking the disk's space, or shorter if the size is negative."""

    def make(folder: Path) -> None:
        path = folder / name
        os.truncate(path, size if size >= 0 else path.stat().st_size + size)

    return make
