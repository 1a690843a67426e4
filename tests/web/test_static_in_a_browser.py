"""The static explorer in Chromium: used by mouse and keys, compared with the command line."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chromium import launched
from facegen.api.explore import Explorer
from facegen.api.explore_files import ExplorerFiles
from facegen.io.weights import DEFAULT_NAME, Weights
from facegen.latent import random_points
from facegen.model.codec import Codec
from facegen.web.static_page import write_static_page
from running import REPOSITORY, facegen

WEIGHTS = REPOSITORY / "weights" / DEFAULT_NAME
ROUNDING = 1  # of 255: the sums of another LiteRT
# What is painted enlarges a face to twice its size; here it is enlarged by the same browser.
DIFFERENCE = """([text, side]) => {
    const rgb = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const tiles = [...document.querySelectorAll(".tile canvas")];
    return tiles.map((tile, number) => {
        const face = new ImageData(side, side);
        face.data.fill(255);
        for (let i = 0; i < side * side; i++) {
            const from = 3 * (number * side * side + i);
            for (let c = 0; c < 3; c++) face.data[4 * i + c] = rgb[from + c];
        }
        const small = new OffscreenCanvas(side, side);
        small.getContext("2d").putImageData(face, 0, 0);
        const large = new OffscreenCanvas(tile.width, tile.height).getContext("2d");
        large.imageSmoothingQuality = "high";
        large.drawImage(small, 0, 0, tile.width, tile.height);
        const area = [0, 0, tile.width, tile.height];
        const expected = large.getImageData(...area).data;
        const found = tile.getContext("2d").getImageData(...area).data;
        return found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
    });
}"""


class Handler(SimpleHTTPRequestHandler):
    """`python -m http.server`, which says nothing."""

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a static explorer of the default weights is served."""
    folder = tmp_path_factory.mktemp("static") / "explorer"
    write_static_page(Explorer(ExplorerFiles(WEIGHTS)), folder)
    handler = partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def opened(browser: Any, address: str) -> Iterator[tuple[Any, list[str]]]:
    """The page, opened once, and what went wrong on it: errors, and requests to anyone else."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    wrong: list[str] = []

    def asked(request: Any) -> None:
        if not request.url.startswith((address, f"blob:{address}")):
            wrong.append(request.url)

    page.on("console", lambda told: wrong.extend([told.text] * (told.type == "error")))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    context.on("request", asked)
    page.goto(f"{address}#seed=5")
    page.wait_for_selector(".tile:nth-child(28) canvas:not([width='1'])")
    yield page, wrong
    context.close()


@pytest.fixture
def page(opened: tuple[Any, list[str]]) -> Iterator[Any]:
    """The page, on which nothing may go wrong."""
    page, wrong = opened
    yield page
    assert wrong == []


def go(page: Any, fragment: str, command: str) -> None:
    """Follows a link to a state, whose command begins so."""
    page.evaluate("(fragment) => { location.hash = fragment; }", fragment)
    page.get_by_text(f"facegen {command}").wait_for()


def downloaded(page: Any, path: Path) -> np.ndarray:
    """The face that is downloaded, uint8 (size, size, 3)."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download").click()
    waiting.value.save_as(path)
    return np.asarray(Image.open(path).convert("RGB"))


def copied_command(page: Any) -> list[str]:
    """The words of the command that is copied, without "facegen"."""
    page.get_by_role("button", name="Copy the command").click()
    page.get_by_text("Copied: it makes exactly this").wait_for()
    name, *words = shlex.split(page.evaluate("navigator.clipboard.readText()"))
    assert name == "facegen"
    return words


def made_by_command(words: list[str], folder: Path) -> np.ndarray:
    """The picture of a copied command."""
    output = folder / "command.png"
    words[words.index("-o") + 1] = str(output)
    done = facegen(*words, "--weights", WEIGHTS)
    assert done.exit_code == 0, done.output
    return np.asarray(Image.open(output).convert("RGB"))


def difference(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


def test_the_grid_shows_the_faces_of_generate(page: Any):
    z = random_points.normal(range(28), 256, seed=5)
    for decoder in ("crisp", "plain"):
        if decoder == "plain":
            last = page.locator(".tile canvas").last
            before = last.evaluate("(tile) => tile.toDataURL()")
            page.get_by_role("button", name="Plain").click()
            page.wait_for_function(
                "(before) => [...document.querySelectorAll('.tile canvas')].at(-1).toDataURL() "
                "!== before",
                arg=before,
            )
        faces = Codec(Weights.load(WEIGHTS), decoder=decoder).decode(z)
        text = base64.b64encode(faces.tobytes()).decode()
        found = page.evaluate(DIFFERENCE, [text, 96])
        assert len(found) == 28
        assert max(found) <= 2 * ROUNDING, found  # enlarged, neighbours' roundings add up


def test_a_face_with_its_sliders_is_the_one_that_its_command_makes(page: Any, tmp_path: Path):
    go(page, "view=faces&seed=5", "generate --n 28 --seed 5")
    page.get_by_role("button", name="Face 3", exact=True).click()
    smiling = page.get_by_role("slider", name="Smiling", exact=True)
    smiling.focus()
    for _ in range(20):
        smiling.press("ArrowRight")
    page.get_by_role("spinbutton", name="Radius, number").fill("12.5")
    page.get_by_role("spinbutton", name="Sharpness, number").fill("3")
    page.get_by_role("button", name="Plain").click()
    page.get_by_role("button", name="Without Eyeglasses").click()
    words = copied_command(page)
    assert words[:3] == ["edit", "seed:5:3", "--single"]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert options.pop("-o") == "face.png"
    assert options == {
        "--attribute": "Smiling=1",
        "--without": "Eyeglasses",
        "--radius": "12.5",
        "--sharpen": "3",
        "--decoder": "plain",
    }
    found = downloaded(page, tmp_path / "face.png")
    # 3 * face - 2 * its smoothed one: a difference of 1 may become 5.
    assert difference(found, made_by_command(words, tmp_path)) <= 5 * ROUNDING


@pytest.mark.parametrize(
    ("fragment", "command"),
    [
        ("view=face&face=seed:5:9&r-limit=2.5", "edit seed:5:9 --single --r-limit 2.5"),
        (
            "view=face&face=seed:7:1&truncation=0.7&attribute=Bangs%3D1.4,Male%3D-2",
            "edit seed:7:1 --single --truncation 0.7 --attribute Bangs=1.4,Male=-2",
        ),
        (
            "view=face&face=seed:7:1&attribute=pc-1%3D2,Bangs%3D1&without=layer-2",
            "edit seed:7:1 --single --attribute pc-1=2,Bangs=1 --without layer-2",
        ),
        (
            "view=face&face=seed:7:2&radius-percentile=5-95&decoder=plain&at-radius=14",
            "edit seed:7:2 --single --radius-percentile 5-95 --radius 14 --decoder plain",
        ),
        (
            "view=mix&corner=seed:5:1&corner=seed:6:2&mix=0.25,0&radius=12",
            "morph seed:5:1 seed:6:2 --mix 0.25 --radius 12",
        ),
    ],
)
def test_a_download_is_what_the_command_makes_and_can_be_reproduced(
    page: Any, fragment: str, command: str, tmp_path: Path
):
    go(page, fragment, command)
    face = tmp_path / "face.png"
    found = downloaded(page, face)
    assert difference(found, made_by_command(copied_command(page), tmp_path)) <= ROUNDING
    again = facegen("reproduce", face, "-o", tmp_path / "again.png", "--weights", WEIGHTS)
    assert again.exit_code == 0, again.output
    with Image.open(face) as png, Image.open(tmp_path / "again.png") as remade:
        assert png.info["xmp"] == remade.info["xmp"]


def test_a_place_that_is_dragged_to_on_the_pad_is_the_one_that_its_command_makes(
    page: Any, tmp_path: Path
):
    go(page, "view=faces&seed=5", "generate --n 28 --seed 5")
    page.get_by_role("link", name="Mix").click()
    page.get_by_role("button", name="Seed 5, face 3, lower right").wait_for()
    pad = page.locator(".pad").bounding_box()
    page.mouse.move(pad["x"] + pad["width"] / 2, pad["y"] + pad["height"] / 2)
    page.mouse.down()
    page.mouse.move(pad["x"] + pad["width"] * 0.3, pad["y"] + pad["height"] * 0.8, steps=5)
    page.mouse.up()
    words = copied_command(page)
    assert words[:5] == ["morph", "seed:5:0", "seed:5:1", "seed:5:2", "seed:5:3"]
    u, v = map(float, words[words.index("--mix") + 1].split(","))
    assert (u, v) == (pytest.approx(0.3, abs=0.01), pytest.approx(0.8, abs=0.01))
    found = downloaded(page, tmp_path / "mix.png")
    assert difference(found, made_by_command(words, tmp_path)) <= ROUNDING


def test_the_note_of_the_weights_is_on_the_page(page: Any):
    note = page.get_by_text("for non-commercial research only, and so are these weights")
    note.scroll_into_view_if_needed()
    assert note.is_visible()


def test_what_the_page_can_t_show_is_told(page: Any):
    page.evaluate("location.hash = 'view=faces&seed=5&radius=7&r-limit=2'")
    page.get_by_text("r_limit and radius don't go together").wait_for()


def test_an_address_shows_the_same_face_again(page: Any, tmp_path: Path):
    command = "edit seed:8:6 --single --radius 14 --attribute Bangs=1.4"
    go(page, "view=face&seed=8&face=seed:8:6&attribute=Bangs%3D1.4&at-radius=14", command)
    first = downloaded(page, tmp_path / "face.png")
    page.reload()
    page.get_by_text(f"facegen {command}").wait_for()
    assert difference(first, downloaded(page, tmp_path / "again.png")) == 0


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("crisp_decoder.tflite", "crisp_decoder.tflite can't be loaded"),
        ("model.json", "model.json can't be loaded"),
        ("decoder_worker.js", "the decoder does not start"),
        ("litert/litert_wasm_compat_internal.js", "the decoder does not start"),
        ("litert/litert_wasm_compat_internal.wasm", "is the folder litert/ there"),
    ],
)
def test_a_page_whose_files_are_not_all_there_says_so(
    browser: Any, address: str, name: str, told: str
):
    with browser.new_context() as context:
        page = context.new_page()
        page.route(f"**/{name}", lambda route: route.fulfill(status=404, body="not there"))
        page.goto(address)
        page.get_by_text(told).wait_for()
