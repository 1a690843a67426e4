"""python docs/update_explorer.py [LATENTS.h5]: draws the pictures of docs/explorer.md again.

It uses the page as a reader would, with the default weights. LATENTS.h5, the default model's
encoded store, is for the picture of the map, whose t-SNE takes minutes; without it that picture
stays as it is. Needs facegen[explore], playwright and Chromium. Look at each picture before you
commit it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

PICTURES = Path(__file__).parent / "explorer"
QUALITY = 85  # of WebP
WINDOW = {"viewport": {"width": 1280, "height": 880}}
TELEPHONE = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
}
GAP = 20  # pixels between telephones
LIGHT, DARK = "light", "dark"
MINUTES = 60_000  # milliseconds

# What they show: of a seed, a face, and four corners. Others may be fairer with other weights.
SEED, FACE, CORNERS = 7, 20, (6, 2, 16, 20)
FACES = f"view=faces&seed={SEED}"
ONE = f"view=face&seed={SEED}&face=seed:{SEED}:{FACE}"
MIX = f"view=mix&seed={SEED}&mix=0.3,0.6&" + "&".join(f"corner=seed:{SEED}:{n}" for n in CORNERS)
LASSO = "0.2,-0.5,0.5,-0.6,0.75,-0.4,0.75,-0.1,0.5,0,0.15,-0.1"
MAP = f"view=map&seed={SEED}&colour=Male&lasso={LASSO}"
PAINTED = ".grid[data-painted], canvas.large[data-painted]"

Act = Callable[[Any], object]


@contextmanager
def explorer(*words: str, folder: Path) -> Iterator[str]:
    """The address of an explorer whose files are named as they lie in a folder."""
    command = [sys.executable, "-m", "facegen", "explore", "--no-browser", *words]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@contextmanager
def static_page(folder: Path) -> Iterator[str]:
    """The address of a static explorer, made in a folder and served as its page says."""
    command = [sys.executable, "-m", "facegen", "explore", "--static", "explorer"]
    subprocess.run(command, cwd=folder, check=True)
    served = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "-d"]
    with subprocess.Popen(
        [*served, str(folder / "explorer")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().split(" port ")[1].split()[0]
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


def shown(
    browser: Any,
    address: str,
    scheme: str,
    screen: dict[str, Any] = WINDOW,
    *,
    act: Act | None = None,
    wait: str = PAINTED,
) -> Image.Image:
    """What a screen shows of an address, once its faces are there and `act` has been done."""
    with browser.new_context(color_scheme=scheme, **screen) as context:
        page = context.new_page()
        page.goto(address)
        page.locator(wait).first.wait_for(timeout=MINUTES)
        page.wait_for_timeout(1000)
        if act is not None:
            act(page)
            page.wait_for_timeout(1000)
        return Image.open(BytesIO(page.screenshot())).convert("RGB")


def side_by_side(images: list[Image.Image]) -> Image.Image:
    """Telephones in a row."""
    width = sum(image.width + GAP for image in images) - GAP
    row = Image.new("RGB", (width, images[0].height), (128, 128, 128))
    left = 0
    for image in images:
        row.paste(image, (left, 0))
        left += image.width + GAP
    return row


def save(name: str, image: Image.Image) -> None:
    """Writes a picture of the page."""
    path = PICTURES / f"{name}.webp"
    image.save(path, quality=QUALITY, method=6)
    print(f"{path}: {image.width} x {image.height}, {path.stat().st_size // 1000} kB")


def smile(page: Any) -> None:
    """Brings the slider of a label under the face."""
    slider = page.get_by_role("slider", name="Smiling", exact=True)
    slider.evaluate("element => element.scrollIntoView({ block: 'center' })")
    page.evaluate("scrollBy(0, -100)")


def down(page: Any) -> None:
    """Scrolls until the whole pad is seen."""
    page.locator(".pad").evaluate("element => element.scrollIntoView({ block: 'end' })")


def make_map(page: Any) -> None:
    """Presses the button of the map that takes minutes, and waits."""
    page.get_by_role("button", name="t-SNE").click()
    page.locator(".legend span").first.wait_for(timeout=60 * MINUTES)


def draw(browser: Any, folder: Path) -> None:
    """All pictures but that of the map."""
    smiling = f"{ONE}&attribute=Smiling=1.5"
    with explorer(folder=folder) as address:
        save("faces", shown(browser, f"{address}#{FACES}", LIGHT))
        moved = f"{smiling},Blond_Hair=2&without=Young"
        save("one-face", shown(browser, f"{address}#{moved}", DARK))
        save("mix", shown(browser, f"{address}#{MIX}", LIGHT))
        telephones = [
            shown(browser, f"{address}#{FACES}", LIGHT, TELEPHONE),
            shown(browser, f"{address}#{smiling}", LIGHT, TELEPHONE, act=smile),
            shown(browser, f"{address}#{MIX}", DARK, TELEPHONE, act=down),
        ]
        save("telephone", side_by_side(telephones))
    with static_page(folder) as address:
        telephones = [
            shown(browser, f"{address}#{FACES}", LIGHT, TELEPHONE),
            shown(browser, f"{address}#{smiling}", DARK, TELEPHONE),
            shown(browser, f"{address}#{MIX}", LIGHT, TELEPHONE),
        ]
        save("static", side_by_side(telephones))


def main() -> None:
    """Draws them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("latents", nargs="?", type=Path, metavar="LATENTS.h5")
    latents = parser.parse_args().latents
    from playwright.sync_api import sync_playwright

    root = hasattr(os, "geteuid") and os.geteuid() == 0  # for whom Chromium's sandbox fails
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"] if root else []
        )
        draw(browser, Path(folder))
        if latents is not None:
            words = ("--latents", latents.name)
            with explorer(*words, folder=latents.resolve().parent) as address:
                url = f"{address}#{MAP}"
                save("map", shown(browser, url, DARK, act=make_map, wait=".offer button"))
        browser.close()


if __name__ == "__main__":
    main()
