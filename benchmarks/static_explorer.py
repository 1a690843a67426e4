"""static_explorer: the page of `facegen explore --static` in Chromium, which decodes by itself.

Seconds from navigation to 28 painted faces, with all files from this machine, and milliseconds from
a key on a slider to the face that it asks for, with each decoder. Needs playwright and Chromium.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import measure
from explorer import KEYS, TIME_KEYS, seconds_to_the_grid
from measure import summary

ADDRESS = "http://127.0.0.1:{port}/#seed=1"
FACE = "view=face&seed=1&face=seed:1:6&decoder={decoder}"


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """The port of a server for the static page of the default weights."""
    from facegen.api.explore import Explorer
    from facegen.api.explore_files import ExplorerFiles
    from facegen.web.static_page import write_static_page

    write_static_page(Explorer(ExplorerFiles()), folder)
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "-d"]
    process = subprocess.Popen(
        [*command, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline().split(" port ")[1].split()[0])
    finally:
        process.terminate()
        process.wait()


def milliseconds_a_key(page: Any, decoder: str) -> float:
    """The median of some keys on the slider of a label, one after the other."""
    page.evaluate("(fragment) => { location.hash = fragment; }", FACE.format(decoder=decoder))
    page.wait_for_selector("canvas.large[data-painted]")
    page.wait_for_timeout(500)
    page.evaluate(TIME_KEYS)
    slider = page.get_by_role("slider", name="Smiling", exact=True)
    for _ in range(KEYS):
        slider.press("ArrowRight")
        page.wait_for_timeout(30)
    page.wait_for_timeout(500)
    return statistics.median(page.evaluate("window.times"))


def main() -> None:
    options = measure.arguments(__doc__, repeats=5).parse_args()
    from playwright.sync_api import sync_playwright

    results: dict[str, list[float]] = {"grid": [], "crisp": [], "plain": []}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        with served(Path(folder, "page")) as port:
            measure.announce_timing()
            for _ in range(options.repeats):
                page = browser.new_page()
                results["grid"].append(seconds_to_the_grid(page, ADDRESS.format(port=port)))
                for decoder in ("crisp", "plain"):
                    results[decoder].append(milliseconds_a_key(page, decoder))
                page.close()
        browser.close()
    rows = [("28 faces, from navigation", summary(results["grid"]), "s")]
    for decoder in ("crisp", "plain"):
        target = "ms, target < 50"
        rows.append((f"a slider, {decoder} decoder", summary(results[decoder]), target))
    measure.report("static_explorer", rows, measure.machine("playwright"), as_json=options.json)


if __name__ == "__main__":
    main()
