"""explorer: the page of `facegen explore` in Chromium, and how soon its address is there.

Targets: the address within 0.6 s of the command, 28 faces within 0.9 s of navigation, a slider's
face within 50 ms, and 30 pictures a second while a map of 100,000 points is dragged and pointed at.
Needs playwright, Chromium, and the tests' toy weights for the map.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import measure
import numpy as np
from measure import summary

POINTS = 100_000
KEYS = 50
SECONDS = 3.0  # of dragging, and of pointing
TOY = Path(__file__).parent.parent / "tests" / "toy-weights"
FACE = "#view=face&seed=1&face=seed:1:6"
# From the key's event to the picture that is painted for it.
TIME_KEYS = """() => {
    const canvas = document.querySelector("canvas.large");
    window.times = [];
    let pressed = 0;
    addEventListener("keydown", () => (pressed = performance.now()), true);
    new MutationObserver(() => window.times.push(performance.now() - pressed)).observe(
        canvas, { attributes: true, attributeFilter: ["data-painted"] });
}"""
COUNT_FRAMES = """() => {
    window.frames_drawn = 0;
    const count = () => { window.frames_drawn++; requestAnimationFrame(count); };
    requestAnimationFrame(count);
}"""


@contextmanager
def explorer(*words: str) -> Iterator[tuple[str, float]]:
    """The address of an explorer, and the seconds until it was printed."""
    command = [sys.executable, "-m", "facegen", "explore", "--no-browser", *words]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            yield address, time.perf_counter() - start
        finally:
            process.terminate()


def write_map(folder: Path) -> list[str]:
    """A store of so many rows and a map of them, as words of the command."""
    from facegen.io.latent_store import Origin
    from facegen.io.latent_writer import write_latents
    from facegen.io.weights import Weights

    weights = Weights.load(TOY)
    latent_dim = weights.model.latent_dim
    points = np.random.default_rng(0).standard_normal((POINTS, latent_dim), np.float32)
    places = folder / "places.csv"
    store = folder / "latents.h5"
    write_latents(
        store,
        [(points, points, points)],
        [str(row) for row in range(POINTS)],
        latent_dim=latent_dim,
        origin=Origin(encoder_sha256=weights.digest("encoder.tflite")),
    )
    lines = (f"{row},{x:.4f},{y:.4f}" for row, (x, y) in enumerate(points[:, :2]))
    places.write_text("row,x,y\n" + "\n".join(lines) + "\n")
    return ["--weights", str(TOY), "--latents", str(store), "--map", str(places)]


def seconds_to_the_grid(page: Any, address: str) -> float:
    """From navigation to the last of 28 faces."""
    page.goto("about:blank")
    start = time.perf_counter()
    page.goto(address)
    page.wait_for_selector(".grid[data-painted]")
    return time.perf_counter() - start


def milliseconds_a_key(page: Any, address: str) -> float:
    """The median of some keys on the slider of a label, one after the other."""
    page.goto("about:blank")
    page.goto(address + FACE)
    page.wait_for_selector("canvas.large[data-painted]")
    page.wait_for_timeout(500)
    page.evaluate(TIME_KEYS)
    slider = page.get_by_role("slider", name="Smiling", exact=True)
    for _ in range(KEYS):
        slider.press("ArrowRight")
        page.wait_for_timeout(30)
    return statistics.median(page.evaluate("window.times"))


def frames_a_second(page: Any, address: str, *, pressed: bool) -> float:
    """Pictures that the browser shows while the mouse goes to and fro on the map."""
    page.goto("about:blank")
    page.goto(f"{address}#view=map")
    page.get_by_text(f"{POINTS:,} rows", exact=True).wait_for()
    box = page.locator(".stage").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    if pressed:
        page.mouse.down()
    page.evaluate(COUNT_FRAMES)
    start, step = time.perf_counter(), 0
    while time.perf_counter() - start < SECONDS:
        page.mouse.move(middle[0] + 80 * np.sin(step / 9), middle[1] + 60 * np.cos(step / 7))
        step += 1
    found = page.evaluate("window.frames_drawn") / (time.perf_counter() - start)
    page.mouse.up()
    return float(found)


def main() -> None:
    options = measure.arguments(__doc__, repeats=5).parse_args()
    from playwright.sync_api import sync_playwright

    results: dict[str, list[float]] = {
        name: [] for name in ("address", "grid", "slider", "drag", "point")
    }
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        map_words = write_map(Path(folder))
        measure.announce_timing()
        for _ in range(options.repeats):
            page = browser.new_page()
            with explorer() as (address, seconds):
                results["address"].append(seconds)
                page.wait_for_timeout(1500)  # it warms up meanwhile, as while a browser starts
                results["grid"].append(seconds_to_the_grid(page, address))
                results["slider"].append(milliseconds_a_key(page, address))
            with explorer(*map_words) as (address, _):
                results["drag"].append(frames_a_second(page, address, pressed=True))
                results["point"].append(frames_a_second(page, address, pressed=False))
            page.close()
        browser.close()
    rows = [
        ("the address, from the command", summary(results["address"]), "s, target < 0.6"),
        ("28 faces, from navigation", summary(results["grid"]), "s, target < 0.9"),
        ("a slider, from key to face", summary(results["slider"]), "ms, target < 50"),
        ("100,000 points dragged", summary(results["drag"]), "pictures/s, target > 30"),
        ("100,000 points pointed at", summary(results["point"]), "pictures/s, target > 30"),
    ]
    measure.report("explorer", rows, measure.machine("playwright"), as_json=options.json)


if __name__ == "__main__":
    main()
