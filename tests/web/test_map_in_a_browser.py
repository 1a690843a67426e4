"""The explorer's maps in Chromium, by mouse and keys; nothing calls its functions."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest

from chromium import canvas_pixels
from explorer_site import Site, command, saved, serving, shows
from facegen.api.explore_files import ExplorerFiles
from facegen.api.explore_map import StoreMaps
from facegen.errors import FacegenError

pytest.importorskip("starlette", reason="needs facegen[explore]")
pytestmark = pytest.mark.slow

NEAR = "zoom=0.1,-0.2,1.4&lasso=-0.5,-0.5,0.5,-0.5,0.5,0.5,-0.5,0.5&colour=Smiling"

DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def write_spiral(path: Path, count: int) -> None:
    """A map of so many rows."""
    turns = np.linspace(0, 20, count)
    places = np.column_stack([np.arange(count), turns * np.sin(turns), turns * np.cos(turns)])
    np.savetxt(path, places, ["%d", "%.4f", "%.4f"], ",", header="row,x,y", comments="")


@pytest.fixture
def quick_tsne(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """t-SNE that puts 200 rows into a spiral at once, unless the event is cleared."""
    going = threading.Event()
    going.set()

    def place(path: Path, *, places_csv: Path) -> None:
        going.wait(60)
        write_spiral(places_csv, 200)

    monkeypatch.setattr("facegen.api.analyze_tsne.analyze_tsne", place)
    return going


def maps_of(site: Site) -> StoreMaps:
    maps = site.explorer.opened.maps
    assert maps is not None
    return maps


def make_map(site: Site, kind: str) -> None:
    maps_of(site).start(kind)
    while maps_of(site).status["making"]:
        time.sleep(0.02)


@pytest.fixture
def made_site(explorer_files: ExplorerFiles, quick_tsne: threading.Event) -> Iterator[Site]:
    """A server that has both maps, principal components first."""
    with serving(explorer_files) as site:
        make_map(site, "pca")
        make_map(site, "tsne")
        yield site


def press(page: Any, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def begin(page: Any, name: str) -> None:
    """Presses what makes a map."""
    page.locator(".offer").get_by_role("button", name=name).click()


def has_rows(page: Any, text: str) -> None:
    page.locator(".side").get_by_text(text, exact=True).wait_for()


def asked(page: Any) -> list[str]:
    """What the page asks of the server's maps from now on."""
    names: list[str] = []
    page.on(
        "request",
        lambda request: names.append(request.url) if "/map" in request.url else None,
    )
    return names


def fragment(page: Any) -> str:
    return unquote(page.url.partition("#")[2])


def test_the_map_is_made_hovered_lassoed_and_opened(open_page: Any, shared_site: Site):
    page = open_page("#view=map", site=shared_site)
    begin(page, "Principal components")
    has_rows(page, "300 rows")
    stage = page.locator(".stage").bounding_box()

    def at(x: float, y: float) -> tuple[float, float]:
        side = min(stage["width"], stage["height"])
        middle = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
        return middle[0] + x * side / 2, middle[1] + y * side / 2

    for step in range(40):  # somewhere on the way there is a point
        page.mouse.move(*at(-1 + step / 20, 0))
    page.locator(".card[data-row]").wait_for()
    page.get_by_label("Colour").select_option("Smiling")
    page.locator(".legend", has_text="Smiling").wait_for()

    page.get_by_role("button", name="Lasso").click()
    page.mouse.move(*at(-0.99, -0.99))
    page.mouse.down()
    for x, y in ((0.99, -0.99), (0.99, 0.99), (-0.99, 0.99)):
        page.mouse.move(*at(x, y), steps=10)
    page.mouse.up()
    page.get_by_text("300 rows in the lasso").wait_for()
    shows(page, "--rows 0-299")
    assert "lasso=" in unquote(page.url)

    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Move", exact=True).click()
    page.locator(".stage").focus()
    page.keyboard.press("+")
    page.keyboard.press("Enter")
    page.locator("footer code", has_text=re.compile(r"edit \S*latents\.h5:\d+ --single")).wait_for()


def test_the_rows_of_a_large_lasso_come_as_a_file(
    open_page: Any, toy_weights: Path, toy_store: Path, tmp_path: Path
):
    rows = range(0, 300, 2)
    places = tmp_path / "places.csv"
    lines = [f"{row},{row % 20},{row % 17}" for row in rows]
    places.write_text("\n".join(["row,x,y", *lines, ""]))
    files = ExplorerFiles(toy_weights, latents=toy_store, map=places)
    with serving(files) as site:
        page = open_page("#view=map", site=site)
        page.get_by_text("150 rows", exact=True).wait_for()
        page.get_by_role("button", name="All in view").click()
        page.get_by_text("150 rows in the lasso").wait_for()
        shows(page, "--rows 0,2,4,")
        file = saved(page, tmp_path / "rows.txt")
    assert file.read_text() == ",".join(map(str, rows)) + "\n"


def test_maps_of_all_kinds_are_kept_and_one_goes_from_one_to_the_other_at_once(
    open_page: Any, explorer_files: ExplorerFiles, quick_tsne: threading.Event
):
    with serving(explorer_files) as site:
        page = open_page("#view=map", site=site)
        begin(page, "Principal components")
        has_rows(page, "300 rows")
        shows(page, "analyze pca")
        press(page, "All in view")
        shows(page, "--rows 0-299")
        press(page, "t-SNE")
        page.get_by_text("t-SNE: this map is not made yet.").wait_for()
        assert maps_of(site).status["making"] is None
        assert "map=tsne" in fragment(page)
        begin(page, "t-SNE")
        has_rows(page, "200 rows")
        shows(page, "analyze tsne")
        assert "lasso" not in fragment(page)
        questions = asked(page)
        press(page, "Principal components")
        has_rows(page, "300 rows")
        assert "map=pca" in fragment(page)
        page.keyboard.press("Control+z")
        has_rows(page, "200 rows")
        press(page, "Undo")
        has_rows(page, "300 rows in the lasso")
        assert questions == []


def test_a_link_shows_the_map_of_its_kind_where_others_are_made(open_page: Any, made_site: Site):
    page = open_page("#view=map&map=tsne", site=made_site)
    has_rows(page, "200 rows")
    page.get_by_label("Colour").select_option("Smiling")
    page.locator(".legend", has_text="Smiling").wait_for()
    page.locator(".stage").focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(re.compile("zoom="))
    press(page, "All in view")
    page.get_by_text("rows in the lasso").wait_for()
    again = open_page("#" + page.url.partition("#")[2], site=made_site)
    again.get_by_text("rows in the lasso").wait_for()
    again.locator(".legend", has_text="Smiling").wait_for()
    assert command(again) == command(page)
    for one in (page, again):
        one.evaluate(DRAWN)
    first, second = (canvas_pixels(one.locator(".points"), 300) for one in (page, again))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("others", [[], ["pca"]])
def test_a_map_that_a_link_names_and_isn_t_made_is_offered_first_and_then_as_it_was(
    others: list[str],
    open_page: Any,
    made_site: Site,
    explorer_files: ExplorerFiles,
    quick_tsne: threading.Event,
):
    link = f"#view=map&map=tsne&{NEAR}"
    there = open_page(link, site=made_site)
    there.get_by_text("rows in the lasso").wait_for()
    with serving(explorer_files) as site:
        for kind in others:
            make_map(site, kind)
        page = open_page(link, site=site)
        page.get_by_text("t-SNE: this map is not made yet.").wait_for()
        page.wait_for_timeout(300)
        status = maps_of(site).status
        assert (status["made"], status["making"]) == (others, None)
        offers = page.locator(".offer button")
        assert offers.first.inner_text().startswith("t-SNE: minutes")
        assert offers.count() == 2 - len(others)
        offers.first.focus()
        page.keyboard.press("Enter")
        page.get_by_text("rows in the lasso").wait_for()
        page.locator(".legend", has_text="Smiling").wait_for()
        assert command(page) == command(there)
        assert fragment(page) == fragment(there)
        assert page.get_by_role("button", name="Undo").is_disabled()


def test_of_another_map_than_the_link_s_zoom_and_lasso_are_none(
    open_page: Any, explorer_files: ExplorerFiles, quick_tsne: threading.Event
):
    with serving(explorer_files) as site:
        page = open_page(f"#view=map&map=tsne&{NEAR}", site=site)
        begin(page, "Principal components")
        has_rows(page, "300 rows")
        assert "map=pca&colour=Smiling" in fragment(page)
        assert not re.search("zoom|lasso", fragment(page))
        press(page, "Undo")
        page.get_by_text("t-SNE: this map is not made yet.").wait_for()
        assert "lasso=" in fragment(page)


@pytest.mark.parametrize("kind", ["", "&map=umap", "&map=", "&map=pca"])
def test_a_link_without_a_kind_or_with_an_unknown_one_shows_the_first_map(
    kind: str, open_page: Any, made_site: Site
):
    page = open_page(f"#view=map{kind}&{NEAR}", site=made_site)
    page.get_by_text("rows in the lasso").wait_for()
    assert "map=pca" in fragment(page)
    assert NEAR.partition("&colour")[0] in fragment(page)
    assert page.get_by_role("button", name="Undo").is_disabled()


def test_a_link_without_a_kind_keeps_its_lasso_for_the_first_map_that_is_made(
    open_page: Any, explorer_files: ExplorerFiles, quick_tsne: threading.Event
):
    with serving(explorer_files) as site:
        page = open_page(f"#view=map&{NEAR}", site=site)
        page.get_by_text("300 faces have no map yet.").wait_for()
        begin(page, "t-SNE")
        page.get_by_text("rows in the lasso").wait_for()
        assert "map=tsne" in fragment(page)


def test_colours_that_come_late_are_those_of_the_map_that_is_shown(open_page: Any, made_site: Site):
    page = open_page("#view=map&map=pca", site=made_site)
    has_rows(page, "300 rows")
    late = "**/map/colour"
    page.route(late, lambda route: (page.wait_for_timeout(500), route.continue_()))
    page.get_by_label("Colour").select_option("Smiling")
    press(page, "t-SNE")
    has_rows(page, "200 rows")
    first, second = (
        (maps_of(made_site).colour(kind, "Smiling") > 0).sum() for kind in ("pca", "tsne")
    )
    assert first != second
    page.locator(".legend").get_by_text(f"Smiling {second}", exact=True).wait_for()
    page.unroute(late)


def test_while_a_map_is_made_another_can_be_looked_at(
    open_page: Any, explorer_files: ExplorerFiles, quick_tsne: threading.Event
):
    with serving(explorer_files) as site:
        page = open_page("#view=map", site=site)
        begin(page, "Principal components")
        has_rows(page, "300 rows")
        press(page, "t-SNE")
        quick_tsne.clear()
        begin(page, "t-SNE")
        page.get_by_role("status").filter(has_text=re.compile(r"t-SNE: \d+ s")).wait_for()
        press(page, "Principal components")
        has_rows(page, "300 rows")
        press(page, "t-SNE")
        page.get_by_role("status").filter(has_text=re.compile(r"t-SNE: \d+ s")).wait_for()
        quick_tsne.set()
        has_rows(page, "200 rows")


def test_why_a_map_can_t_be_made_is_told(
    open_page: Any, explorer_files: ExplorerFiles, monkeypatch: pytest.MonkeyPatch
):
    def failing(path: Path, *, places_csv: Path) -> None:
        raise FacegenError("openTSNE is not here; pip install it")

    monkeypatch.setattr("facegen.api.analyze_tsne.analyze_tsne", failing)
    with serving(explorer_files) as site:
        page = open_page("#view=map", site=site)
        begin(page, "t-SNE")
        page.get_by_text("openTSNE is not here; pip install it").wait_for()
        begin(page, "Principal components")
        has_rows(page, "300 rows")


def test_the_map_of_a_file_is_kept_beside_those_that_are_made(
    open_page: Any, toy_weights: Path, toy_store: Path, tmp_path: Path
):
    places = tmp_path / "places.csv"
    write_spiral(places, 150)
    with serving(ExplorerFiles(toy_weights, latents=toy_store, map=places)) as site:
        page = open_page("#view=map", site=site)
        has_rows(page, "150 rows")
        shows(page, f"--map {places}")
        assert "map=file" in fragment(page)
        press(page, "Principal components")
        begin(page, "Principal components")
        has_rows(page, "300 rows")
        shows(page, "analyze pca")
        press(page, "Given")
        has_rows(page, "150 rows")
        shows(page, f"--map {places}")


def test_the_map_of_a_file_that_is_not_given_here_is_told_so(open_page: Any, made_site: Site):
    page = open_page(f"#view=map&map=file&{NEAR}", site=made_site)
    page.get_by_text("start facegen explore with its --map").wait_for()
    assert "lasso=" in fragment(page)
    press(page, "t-SNE")
    has_rows(page, "200 rows")
    assert "lasso=" not in fragment(page)
