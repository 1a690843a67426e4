"""Animations of faces: GIF and WebP with Pillow, MP4 with ffmpeg; each says how it was made."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facegen.errors import FacegenError, InputError, OutputError
from facegen.io.files import atomic_output
from facegen.io.provenance import EXIF_DESCRIPTION, Stamp, make_stamp, with_version
from facegen.io.temporaries import Temporary
from facegen.io.xmp import add_to_gif, add_to_mp4

MAX_FPS = 50.0  # players show a GIF's faster ones at 10
PALETTE_FRAMES = 16  # that a GIF's 256 colours are chosen from
WEBP_QUALITY = 85
FFMPEG_PACKAGE = "imageio_ffmpeg"
MP4_QUALITY = 18  # x264's CRF; people call it visually lossless
MP4_THREADS = 4  # not one per processor: x264's result depends on it


def there_and_back(frames: np.ndarray) -> np.ndarray:
    """Frames first to last and back, for a loop without a jump: (N, ...) to (2N - 2, ...)."""
    return np.concatenate([frames, frames[-2:0:-1]])


def enlarge(frames: np.ndarray, scale: int) -> np.ndarray:
    """Pictures several times larger, LANCZOS; uint8 (N, height, width, 3) both ways."""
    if scale == 1:
        return frames
    return np.stack([np.asarray(_enlarged(frame, scale)) for frame in frames])


def _enlarged(frame: np.ndarray, scale: int) -> Image.Image:
    height, width, _ = frame.shape
    size = (width * scale, height * scale)
    return Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS)


def save_animation(
    frames: np.ndarray,
    path: str | os.PathLike,
    provenance: dict[str, Any],
    *,
    fps: float,
    scale: int = 1,
    force: bool = False,
) -> None:
    """Writes an animation that loops, in the format that its suffix names.

    The provenance is a GIF's comment, a WebP's EXIF ImageDescription, an MP4's comment; beside it
    lies the XMP that says that it is synthetic.

    Args:
        frames: uint8 (N, height, width, 3), N at least 1.
        fps: frames a second, in (0, 50]. A GIF counts hundredths of a second.

    Raises:
        OutputError: it exists (without `force`), has another suffix, or can't be written.
        FacegenError: no ffmpeg for .mp4.
    """
    if not 0 < fps <= MAX_FPS:
        raise InputError(f"fps must be above 0 and at most {MAX_FPS:g}, not {fps}")
    suffix = Path(path).suffix.lower()
    if suffix not in WRITERS:
        raise OutputError(f"{path}: an animation's name ends in {', '.join(WRITERS)}")
    stamp = make_stamp(with_version(provenance))
    with atomic_output(path, force=force) as temporary:
        WRITERS[suffix](frames, temporary, stamp, fps, scale)


def _write_gif(frames: np.ndarray, output: Temporary, stamp: Stamp, fps: float, scale: int) -> None:
    # One palette for all frames: with one for each, colours flicker.
    chosen = frames[np.linspace(0, len(frames) - 1, min(len(frames), PALETTE_FRAMES)).astype(int)]
    palette = Image.fromarray(np.concatenate(chosen)).quantize(256, Image.Quantize.MEDIANCUT)
    # Without dithering, whose grain flickers and makes a file half as large again.
    images = [
        _enlarged(frame, scale).quantize(palette=palette, dither=Image.Dither.NONE)
        for frame in frames
    ]
    images[0].save(
        output.file,
        format="GIF",
        save_all=True,
        append_images=images[1:],
        duration=1000 / fps,
        loop=0,
        comment=stamp.text.encode(),
    )
    add_to_gif(output.file, stamp.xmp)


def _write_webp(
    frames: np.ndarray, output: Temporary, stamp: Stamp, fps: float, scale: int
) -> None:
    exif = Image.Exif()
    exif[EXIF_DESCRIPTION] = stamp.text
    images = [_enlarged(frame, scale) for frame in frames]
    images[0].save(
        output.file,
        format="WEBP",
        save_all=True,
        append_images=images[1:],
        duration=round(1000 / fps),
        loop=0,
        quality=WEBP_QUALITY,
        exif=exif,
        xmp=stamp.xmp,
    )


def find_ffmpeg() -> str:
    """The program ffmpeg: the one on PATH, else the one of the package imageio-ffmpeg.

    Raises:
        FacegenError: neither is there; the message says how to install one.
    """
    found = shutil.which("ffmpeg")
    if found:
        return found
    try:
        return str(importlib.import_module(FFMPEG_PACKAGE).get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:  # RuntimeError: a package without a binary
        raise FacegenError(
            "MP4 needs ffmpeg: install it, or pip install 'facegen[video]'; .gif and .webp need "
            "nothing more"
        ) from error


def _write_mp4(frames: np.ndarray, output: Temporary, stamp: Stamp, fps: float, scale: int) -> None:
    height, width, _ = frames.shape[1:]
    command = [
        *(find_ffmpeg(), "-loglevel", "error", "-y"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width * scale}x{height * scale}"),
        *("-r", f"{fps:g}", "-i", "-", "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"),  # x264: even sides
        *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", str(MP4_QUALITY)),
        *("-threads", str(MP4_THREADS)),
        *("-movflags", "+faststart", "-metadata", f"comment={stamp.text}", "-f", "mp4"),
        f"file:{output.path}",  # else what stands before a colon in the name is a protocol
    ]
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=pipe, stdout=null, stderr=pipe) as process:
        assert process.stdin is not None
        try:
            for frame in frames:
                process.stdin.write(np.asarray(_enlarged(frame, scale)).tobytes())
        except BrokenPipeError:
            pass  # ffmpeg gave up, and says why below
        _, message = process.communicate()
    if process.returncode:
        reason = message.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
        raise OutputError(f"ffmpeg can't write the video: {reason[0]}")
    add_to_mp4(output.file, stamp.xmp)


WRITERS = {".gif": _write_gif, ".webp": _write_webp, ".mp4": _write_mp4}
