"""prepare on CelebA-sized JPEGs against the bare rate of one process: open, crop, resize.

Target: at least 0.9 of processors times the bare rate.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
from pathlib import Path

import measure
import numpy as np
from measure import summary
from PIL import Image

from facegen.api.prepare import prepare
from facegen.images.photos import CELEBA_BOX, CELEBA_SIZE

SIZE = 96


def make_photo(random: np.random.Generator) -> bytes:
    """A JPEG of 178x218 with about 7 KB, as CelebA's are on average: smooth noise, some grain."""
    width, height = CELEBA_SIZE
    small = random.integers(0, 256, (11, 9, 3), np.uint8)
    smooth = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    grain = random.normal(0, 5.5, (height, width, 1))
    pixels = np.clip(np.asarray(smooth) + grain, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=76)
    return file.getvalue()


def make_photos(count: int, folder: Path, archive: Path) -> float:
    """Writes the photos to a folder and to a zip; returns their mean size in bytes."""
    random = np.random.default_rng(0)
    photos = [make_photo(random) for _ in range(min(count, 500))]
    folder.mkdir()
    with zipfile.ZipFile(archive, "w") as file:
        for i in range(count):
            data = photos[i % len(photos)]
            (folder / f"{i:06}.jpg").write_bytes(data)
            file.writestr(f"img/{i:06}.jpg", data)
    return sum(map(len, photos)) / len(photos)


def bare(paths: list[Path]) -> None:
    """The least that has to be done to each photo."""
    for path in paths:
        with Image.open(path) as image:
            image.load()
            face = image.crop(CELEBA_BOX).resize((SIZE, SIZE), Image.Resampling.LANCZOS)
            np.asarray(face)


def main() -> None:
    parser = measure.arguments(__doc__, repeats=5)
    parser.add_argument("--photos", type=int, default=8000, help="(%(default)s)")
    options = parser.parse_args()
    count, workers = options.photos, measure.cpus()
    folder = Path(tempfile.mkdtemp(prefix="facegen-benchmark-"))
    try:
        photos, archive, output = folder / "photos", folder / "photos.zip", folder / "faces.h5"
        mean_bytes = make_photos(count, photos, archive)
        few = sorted(photos.iterdir())[: max(1, count // 4)]
        measure.announce_timing()
        rates = measure.interleave(
            {
                "bare, one process": lambda: len(few) / measure.seconds(lambda: bare(few)),
                "prepare, folder": lambda: (
                    count
                    / measure.seconds(lambda: prepare([photos], output, size=SIZE, force=True))
                ),
                "prepare, zip": lambda: (
                    count
                    / measure.seconds(lambda: prepare([archive], output, size=SIZE, force=True))
                ),
            },
            repeats=options.repeats,
        )
    finally:
        shutil.rmtree(folder)
    rows = [(name, summary(values), "images/s") for name, values in rates.items()]
    for source in ("folder", "zip"):
        shares = [
            done / (workers * single)
            for done, single in zip(
                rates[f"prepare, {source}"], rates["bare, one process"], strict=True
            )
        ]
        rows.append((f"{source} / ({workers} x bare)", summary(shares), "target >= 0.9"))
    about = measure.machine("pillow", "numpy", "h5py")
    about |= {"workers": workers, "photos": count, "bytes_per_photo": round(mean_bytes)}
    measure.report("prepare", rows, about, as_json=options.json)


if __name__ == "__main__":
    main()
