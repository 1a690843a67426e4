"""A headless Chromium, as people's hands would use it: by mouse, keys and touch."""

from __future__ import annotations

import io
import os
import shutil
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@contextmanager
def launched() -> Iterator[Any]:
    """A browser of Playwright's; a test that needs one is skipped where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright (facegen[test])")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("needs Chromium; on Debian and Ubuntu: apt install chromium")
    # Chromium's own sandbox does not work for root, as in a container of CI.
    options = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()


def canvas_pixels(canvas: Any, size: int) -> np.ndarray:
    """What a canvas shows, brought down to size x size pixels: float (size, size, 3)."""
    address = canvas.evaluate("canvas => canvas.toDataURL('image/png')")
    image = Image.open(io.BytesIO(b64decode(address.partition(",")[2]))).convert("RGB")
    return np.asarray(image.resize((size, size), Image.Resampling.BOX), np.float64)
