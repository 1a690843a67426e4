"""Pillow's Sharpness and UnsharpMask, on faces, pictures and tiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from facegen.errors import InputError
from facegen.images.sheets import Grid

MODES = ("L", "LA", "RGB", "RGBA", "CMYK")  # as they are; others become RGB or RGBA


@dataclass(frozen=True)
class Sharpening:
    """How to sharpen: by one of the two, or not at all.

    Attributes:
        sharpness: factor of ImageEnhance.Sharpness (article XI uses 0, 3, 6 and 7): 0 blurs,
            1 changes nothing.
        unsharp: (radius in pixels, percent, threshold) of ImageFilter.UnsharpMask.
    """

    sharpness: float | None = None
    unsharp: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        if self.sharpness is not None and self.unsharp is not None:
            raise InputError("choose one of --sharpen and --unsharp")

    @property
    def provenance(self) -> dict[str, Any] | None:
        """As JSON; None for no sharpening."""
        if self.sharpness is not None:
            return {"sharpness": self.sharpness}
        return {"unsharp": list(self.unsharp)} if self.unsharp is not None else None

    def apply(self, image: Image.Image) -> Image.Image:
        """Sharpens a picture of mode L, LA, RGB or RGBA; alpha stays as it is."""
        if self.sharpness is not None:
            return ImageEnhance.Sharpness(image).enhance(self.sharpness)
        if self.unsharp is None:
            return image
        radius, percent, threshold = self.unsharp
        mask = ImageFilter.UnsharpMask(radius, round(percent), round(threshold))
        if image.mode not in ("LA", "RGBA"):
            return image.filter(mask)
        opaque = image.convert(image.mode.removesuffix("A")).filter(mask)
        opaque.putalpha(image.getchannel("A"))
        return opaque

    def apply_to_faces(self, faces: np.ndarray) -> np.ndarray:
        """Sharpens each face on its own; uint8 (N, height, width, 3) both ways."""
        if self.provenance is None:
            return faces
        sharp = np.empty_like(faces)
        for row, face in enumerate(faces):
            sharp[row] = self.apply(Image.fromarray(face))
        return sharp


def sharpen_image(image: Image.Image, sharpening: Sharpening, grid: Grid | None) -> Image.Image:
    """Sharpens a picture, or each tile of a sheet on its own, so that its gaps stay clean.

    Alpha stays as it is. Palettes and other modes that can't be sharpened become RGB or RGBA.
    """
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode not in MODES:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if grid is None:
        return sharpening.apply(image)
    sheet = image.copy()
    for left, upper in grid.corners():
        box = (left, upper, left + grid.width, upper + grid.height)
        sheet.paste(sharpening.apply(image.crop(box)), box)
    return sheet
