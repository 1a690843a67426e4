"""The explorer's page in Chromium, by mouse, keys and touch; nothing calls its functions."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chromium import canvas_pixels
from explorer_site import Site, command, saved, serving, shows
from facegen.api.components import components
from facegen.api.explore_files import ExplorerFiles
from facegen.api.generate import generate
from facegen.io.provenance import read_provenance
from running import REPOSITORY, facegen
from toys import draw_photo

pytest.importorskip("starlette", reason="needs facegen[explore]")

WEIGHTS = REPOSITORY / "weights" / "celeba-vae"
SIDE = 96  # of its faces
pytestmark = pytest.mark.slow
CLOSE = 4.0  # of 255, on average: a canvas is enlarged smoothly, and brought down again
FACE = "#view=face&seed=5&face=seed:5:3"
MIX = "#view=mix&seed=5"


@pytest.fixture(scope="module")
def full_site(
    toy_weights: Path,
    toy_store: Path,
    toy_attributes: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """A server of the toy model that has directions of both kinds, beside the weights."""
    folder = tmp_path_factory.mktemp("full") / "weights"
    shutil.copytree(toy_weights, folder)
    shutil.copy(toy_attributes, folder)
    components(toy_store, folder / "components.h5", weights=folder)
    sampler = toy_store.with_name("sampler.h5")
    with serving(ExplorerFiles(folder, sampler=sampler, latents=toy_store)) as site:
        yield site


def painted(page: Any, words: str) -> Any:
    """The large canvas, once it shows the face of a point whose JSON has these words in it."""
    canvas = page.locator("canvas.large").first
    for _ in range(200):
        if words in (canvas.get_attribute("data-painted") or ""):
            return canvas
        page.wait_for_timeout(25)
    raise AssertionError(f"{words} is not in {canvas.get_attribute('data-painted')}")


def is_face(canvas: Any, face: np.ndarray) -> bool:
    return bool(np.abs(canvas_pixels(canvas, SIDE) - face).mean() < CLOSE)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def made(line: str, folder: Path) -> np.ndarray:
    """What the page's command makes."""
    name, *words = shlex.split(line)
    assert name == "facegen"
    words[words.index("-o") + 1] = str(folder / "made.png")
    done = facegen(*words, "--force")
    assert done.exit_code == 0, done.output
    return read(folder / "made.png")


def test_the_grid_shows_the_faces_of_its_seed(open_page: Any):
    page = open_page("#view=faces&seed=5")
    page.locator(".grid[data-painted]").wait_for()
    faces = generate(28, seed=5, weights=WEIGHTS, threads=1)
    tiles = page.locator(".tile canvas")
    assert tiles.count() == 28
    assert all(is_face(tiles.nth(row), faces[row]) for row in (0, 13, 27))
    assert not is_face(tiles.nth(0), faces[1])
    page.get_by_role("button", name="More faces").click()
    shows(page, "--n 56")
    page.locator(".tile").nth(55).wait_for()


def test_a_first_visit_shows_the_faces_of_a_plain_generate(open_page: Any):
    page = open_page()
    shows(page, "facegen generate --n 28 --seed 1 --weights")


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("Normal", "--seed 5 --weights"),
        ("On a shell", "--radius "),
        ("In a cube", "--r-limit 2.5"),
        ("Wider normal", "--sigma 1.3"),
        ("Fitted", "--sampler "),
    ],
)
def test_points_of_the_grid_are_chosen_as_on_the_command_line(
    way: str, words: str, open_page: Any, shared_site: Site
):
    page = open_page("#view=faces&seed=5&truncation=0.7", site=shared_site)
    page.get_by_label("Sampler").select_option(way)
    shows(page, words)
    assert "truncation" not in page.url


def test_a_click_opens_a_face_and_undo_goes_back(open_page: Any):
    page = open_page("#view=faces&seed=5")
    page.get_by_role("button", name="Face 3", exact=True).click()
    shows(page, "edit seed:5:3 --single")
    page.get_by_role("button", name="Undo").click()
    shows(page, "generate --n 28 --seed 5")
    assert page.get_by_role("button", name="Undo").is_disabled()


def test_a_slider_by_mouse_moves_the_face_that_is_downloaded(open_page: Any, tmp_path: Path):
    page = open_page(FACE)
    before = canvas_pixels(painted(page, '"row":3'), SIDE)
    slider = page.get_by_role("slider", name="Smiling")
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], middle, steps=8)
    page.mouse.up()
    canvas = painted(page, '"Smiling":1')
    assert np.abs(canvas_pixels(canvas, SIDE) - before).mean() > CLOSE
    file = saved(page, tmp_path / "face.png")
    face = read(file)
    assert is_face(canvas, face)
    np.testing.assert_array_equal(made(command(page), tmp_path), face)
    again = facegen("reproduce", file, "--weights", WEIGHTS, "-o", tmp_path / "again.png")
    assert again.exit_code == 0, again.output
    np.testing.assert_array_equal(read(tmp_path / "again.png"), face)


@pytest.mark.parametrize(
    "state",
    [
        "view=face&face=seed:5:3&r-limit=2.5&sharpen=3&attribute=Smiling=1.5,pc-1=-2&without=Male",
        "view=face&face=seed:5:3&radius=2",
        "view=face&face=seed:5:3&sigma=1.3&at-radius=2.5",
        "view=face&face=seed:5:3&fitted=yes&radius-percentile=5-95",
        "view=face&face=row:17&truncation=0.7&attribute=Male=-1",
        "view=mix&corner=seed:5:3&corner=row:17&mix=0.25,0&fitted=yes&truncation=0.5",
        "view=mix&seed=5&mix=0.123,1&radius=2",
    ],
)
def test_the_command_of_a_state_writes_what_is_downloaded(
    state: str, open_page: Any, full_site: Site, tmp_path: Path
):
    page = open_page("#" + state, site=full_site)
    page.locator("canvas.large[data-painted]").wait_for()
    file = saved(page, tmp_path / "saved.png")
    made(command(page), tmp_path)
    assert file.read_bytes() == (tmp_path / "made.png").read_bytes()


def test_a_slider_by_keys_and_undo_by_keys(open_page: Any):
    page = open_page(FACE)
    slider = page.get_by_role("slider", name="Smiling")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    shows(page, "--attribute Smiling=0.5")
    page.keyboard.press("Control+z")
    shows(page, "--attribute Smiling=0.45")
    painted(page, '"Smiling":0.45')


def test_a_number_can_be_typed_beyond_the_slider_s_ends(open_page: Any):
    page = open_page(FACE)
    field = page.get_by_role("spinbutton", name="Smiling, number")
    field.fill("7.5")
    field.press("Enter")
    shows(page, "--attribute Smiling=7.5")


def test_without_and_as_it_came(open_page: Any):
    page = open_page(FACE + "&attribute=Smiling=1.5")
    page.get_by_label("Find a label").fill("male")
    page.get_by_role("button", name="Without Male").click()
    shows(page, "--attribute Smiling=1.5 --without Male")
    assert page.get_by_role("slider", name="Male").is_disabled()
    page.get_by_role("button", name="As it came").click()
    page.locator("footer code", has_text=re.compile(r"edit seed:5:3 --single --[^a]")).wait_for()


def test_radius_sharpness_and_another_face(open_page: Any):
    page = open_page(FACE)
    painted(page, '"row":3')
    for name, value in (("Radius", "2"), ("Sharpness", "3")):
        field = page.get_by_role("spinbutton", name=f"{name}, number")
        field.fill(value)
        field.press("Enter")
    shows(page, "--radius 2 --sharpen 3")
    page.get_by_role("button", name="Next face").click()
    shows(page, "edit seed:5:4 --single --radius 2")


def drag_pad(page: Any, u: float, v: float) -> None:
    box = page.locator(".pad").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    x, y = box["x"] + u * box["width"], box["y"] + v * box["height"]
    page.mouse.move(x, y, steps=6)
    page.mouse.up()


def test_the_pad_mixes_four_faces_by_mouse(open_page: Any, tmp_path: Path):
    page = open_page(MIX)
    drag_pad(page, 0.25, 0.75)
    page.locator("footer code", has_text=re.compile(r"--mix 0\.2[45]\d*,0\.7[45]\d*")).wait_for()
    file = saved(page, tmp_path / "mix.png")
    face = read(file)
    np.testing.assert_array_equal(made(command(page), tmp_path), face)
    at = re.search(r"--mix (\S+)", command(page))
    assert at is not None
    assert is_face(painted(page, at[1]), face)
    again = facegen("reproduce", file, "--weights", WEIGHTS, "-o", tmp_path / "again.png")
    assert again.exit_code == 0, again.output


def test_the_pad_by_keys_and_with_two_faces(open_page: Any):
    page = open_page(MIX)
    page.locator(".pad").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowUp")
    shows(page, "--mix 0.55,0.44")
    page.get_by_role("button", name="Two").click()
    shows(page, "morph seed:5:0 seed:5:1 --mix 0.55")


def test_a_face_of_the_grid_becomes_a_corner(open_page: Any):
    page = open_page("#view=faces&seed=5")
    page.locator(".tile").nth(7).hover()
    page.get_by_role("button", name="Add face 7 to the mix").click()
    page.get_by_role("link", name="Mix").click()
    shows(page, "morph seed:5:7 seed:5:1 seed:5:2 seed:5:3 --mix 0.5,0.5")


def test_nothing_is_lost_on_the_way_through_the_views(open_page: Any):
    page = open_page(MIX)
    drag_pad(page, 0.25, 0.75)
    page.get_by_role("button", name="Another face upper left").click()
    page.locator("footer code", has_text=re.compile(r"morph seed:5:\d{2,}")).wait_for()
    mixed = command(page)
    page.get_by_role("link", name="One face").click()
    shows(page, "edit")
    page.get_by_role("link", name="facegen").click()
    shows(page, "generate --n 28 --seed 5")
    page.get_by_role("link", name="Mix").click()
    shows(page, mixed)
    page.get_by_role("button", name="Undo").click()
    shows(page, "generate --n 28 --seed 5")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "me and you.png"
    draw_photo(50, 60).save(path)
    return path


def drop(page: Any, file: Path) -> None:
    """As the operating system drops a file into the window."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        place = {"type": kind, "x": 300, "y": 300, "data": data}
        session.send("Input.dispatchDragEvent", place)


def test_a_dropped_photo_is_reconstructed_and_reproduced_by_its_digest(
    open_page: Any, photo: Path, tmp_path: Path
):
    page = open_page("#view=faces")
    page.locator(".grid[data-painted]").wait_for()
    drop(page, photo)
    shows(page, "edit 'me and you.png' --single")
    canvas = painted(page, '"photo"')
    file = saved(page, tmp_path / "face.png")
    assert is_face(canvas, read(file))
    with Image.open(file) as image:
        provenance = read_provenance(image)
    assert provenance is not None
    assert provenance["points"][0]["photo"] == photo.name
    again = facegen(
        *("reproduce", file, "--from", tmp_path, "--weights", WEIGHTS),
        *("-o", tmp_path / "again.png"),
    )
    assert again.exit_code == 0, again.output


def test_a_photo_is_chosen_and_compared_with_what_the_model_makes_of_it(
    open_page: Any, photo: Path
):
    page = open_page(FACE)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Your photo").click()
    chooser.value.set_files(photo)
    painted(page, '"photo"')
    original = page.locator("canvas.original")
    assert not original.is_visible()
    box = page.get_by_role("button", name="Hold to see the photo").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    original.wait_for()
    page.mouse.up()
    original.wait_for(state="hidden")


def test_a_photo_that_can_t_be_used_is_told_so(open_page: Any, tmp_path: Path):
    page = open_page(FACE)
    (tmp_path / "no.png").write_text("no photo")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Your photo").click()
    chooser.value.set_files(tmp_path / "no.png")
    page.get_by_role("status").filter(has_text="not an image").wait_for()
    (told,) = open_page.wrong  # Chromium's own, of the answer
    assert "400" in told
    open_page.wrong.clear()


def test_the_copied_command_is_the_one_that_is_shown(open_page: Any):
    page = open_page(FACE, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the command").click()
    page.get_by_role("status").filter(has_text="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == command(page)


def test_a_link_shows_the_same_face_again(open_page: Any):
    page = open_page(FACE + "&truncation=0.7")
    field = page.get_by_role("spinbutton", name="Smiling, number")
    field.fill("1.5")
    field.press("Enter")
    canvas = canvas_pixels(painted(page, '"Smiling":1.5'), SIDE)
    again = open_page("#" + page.url.partition("#")[2])
    np.testing.assert_array_equal(canvas_pixels(painted(again, '"Smiling":1.5'), SIDE), canvas)
    assert command(again) == command(page)


def test_everything_is_reached_by_keys_alone(open_page: Any):
    page = open_page("#view=faces&seed=5")
    page.locator(".grid[data-painted]").wait_for()

    def tab_to(name: str) -> None:
        for _ in range(90):
            page.keyboard.press("Tab")
            focused = page.evaluate(
                "document.activeElement.ariaLabel || document.activeElement.textContent"
            )
            if focused == name:
                return
        raise AssertionError(f"Tab doesn't lead to {name}")

    tab_to("Face 0")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    shows(page, "edit seed:5:1")
    tab_to("Smiling")
    page.keyboard.press("End")
    shows(page, "Smiling=3")
    tab_to("Mix")
    page.keyboard.press("Enter")
    tab_to("Place between the corners")
    page.keyboard.press("ArrowDown")
    shows(page, "--mix 0.5,0.55")


TELEPHONE = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}


def test_on_a_telephone_nothing_is_wider_than_the_screen_and_fingers_work(
    open_page: Any, shared_site: Site
):
    page = open_page("#view=faces&seed=5", site=shared_site, **TELEPHONE)
    page.get_by_role("button", name="Face 3", exact=True).tap()
    shows(page, "edit seed:5:3")
    page.get_by_role("link", name="Mix").tap()
    shows(page, "morph ")
    page.wait_for_timeout(1000)  # the pad is where it stays
    box = page.locator(".pad").bounding_box()
    page.touchscreen.tap(box["x"] + 0.2 * box["width"], box["y"] + 0.3 * box["height"])
    page.locator("footer code", has_text=re.compile(r"--mix 0\.(2|19)\d*,0\.(3|29)")).wait_for()
    for view in ("Faces", "One face", "Mix", "Map"):
        page.get_by_role("link", name=view, exact=True).tap()
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, view


def test_the_page_is_dark_where_the_system_is(open_page: Any):
    light, dark = (
        open_page(FACE, color_scheme=scheme).evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for scheme in ("light", "dark")
    )
    brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (light, dark)]
    assert brightness[0] > 600 > 150 > brightness[1]


def test_a_new_seed_leads_on_to_its_own_faces_but_what_was_chosen_stays(open_page: Any):
    page = open_page("#view=faces&seed=5")
    page.locator(".tile").nth(7).hover()
    page.get_by_role("button", name="Add face 7 to the mix").click()
    field = page.get_by_label("Seed", exact=True)
    field.fill("6")
    field.press("Enter")
    shows(page, "--seed 6")
    page.get_by_role("link", name="Mix").click()
    shows(page, "morph seed:5:7 seed:6:1 seed:6:2 seed:6:3 --mix")
    page.get_by_role("link", name="One face").click()
    shows(page, "edit seed:6:0")


def test_a_face_of_the_grid_is_opened_as_it_is_there(open_page: Any):
    page = open_page(FACE + "&attribute=Smiling=1.5&at-radius=9")
    shows(page, "--radius 9 --attribute Smiling=1.5")
    page.get_by_role("link", name="Faces", exact=True).click()
    page.get_by_role("button", name="Face 4", exact=True).click()
    page.locator("footer code", has_text=re.compile(r"edit seed:5:4 --single --[^ar]")).wait_for()


def test_a_key_that_is_held_makes_one_step_of_undo(open_page: Any):
    page = open_page(FACE)
    page.get_by_role("slider", name="Smiling").focus()
    for _ in range(8):
        page.keyboard.down("ArrowRight")  # repeats, as long as it is not up
    page.keyboard.up("ArrowRight")
    shows(page, "--attribute Smiling=0.4")
    page.get_by_role("button", name="Undo").click()
    page.locator("footer code", has_text=re.compile(r"edit seed:5:3 --single --[^a]")).wait_for()
    assert page.get_by_role("button", name="Undo").is_disabled()


def test_who_comes_back_to_the_grid_finds_it_where_it_was_left(open_page: Any):
    page = open_page("#view=faces&seed=5&n=84", viewport={"width": 900, "height": 500})
    page.locator(".grid[data-painted]").wait_for()
    page.get_by_role("button", name="Face 70", exact=True).focus()
    before = page.evaluate("scrollY")
    assert before > 0
    page.keyboard.press("Enter")
    shows(page, "edit seed:5:70")
    assert page.evaluate("scrollY") == 0
    page.keyboard.press("Control+z")
    shows(page, "generate --n 84")
    assert page.evaluate("scrollY") == before
    assert page.evaluate("document.activeElement.ariaLabel") == "Face 70"


@pytest.mark.parametrize(
    ("address", "told", "words"),
    [
        ("#view=face&face=row:3", "there is no store", "No command makes this"),
        (f"#view=face&face=photo:{'0' * 64}:me.png", "drop it on the page again", "edit me.png"),
        ("#view=faces&radius=7&r-limit=2", "alone with normal points", "--r-limit 2 --radius 7"),
        ("#view=faces&fitted=yes", "there is no fitted sampler", "No command makes this"),
    ],
)
def test_what_a_link_names_and_isn_t_there_is_told_until_something_changes(
    address: str, told: str, words: str, open_page: Any
):
    page = open_page(address)
    message = page.get_by_role("status").filter(has_text=told)
    message.wait_for()
    shows(page, words)
    open_page.wrong.clear()  # Chromium's own, of the answer
    page.wait_for_timeout(500)
    assert message.evaluate("element => getComputedStyle(element).opacity") == "1"
    page.evaluate("location.hash = '#view=faces&seed=5'")
    page.locator(".grid[data-painted]").wait_for()
    assert "shown" not in (message.get_attribute("class") or "")


def test_an_address_without_sense_shows_the_first_faces(open_page: Any):
    page = open_page(
        "#view=nothing&seed=-3&n=1e9&face=x&corner=seed:1:2&zoom=0,0,-5&mix=7,x&lasso=1"
    )
    shows(page, "facegen generate --n 28 --seed 1 --weights")


def test_a_server_that_has_gone_is_told_and_one_that_answers_again_is_believed(open_page: Any):
    page = open_page("#view=faces&seed=5")
    page.locator(".grid[data-painted]").wait_for()
    first = page.locator(".tile canvas").first
    before = first.evaluate("canvas => canvas.toDataURL()")
    page.route("**/faces", lambda route: route.abort())
    page.get_by_role("button", name="Plain").click()
    page.get_by_role("status").filter(has_text="The server has gone").wait_for()
    page.unroute("**/faces")
    page.get_by_role("link", name="Mix").click()
    shows(page, "--decoder plain")
    page.get_by_role("link", name="Faces", exact=True).click()
    page.wait_for_function(
        "(before) => document.querySelector('.tile canvas').toDataURL() !== before", arg=before
    )
    open_page.wrong.clear()  # Chromium's own, of the request


def test_what_takes_long_is_shown(open_page: Any):
    page = open_page(FACE)
    painted(page, '"row":3')
    busy = page.locator("body.busy")
    assert busy.count() == 0
    page.route("**/faces", lambda route: (page.wait_for_timeout(900), route.continue_()))
    page.get_by_role("button", name="Next face").click()
    busy.wait_for()
    painted(page, '"row":4')
    busy.wait_for(state="detached")


def test_faces_that_are_wanted_no_more_are_not_missed(open_page: Any):
    page = open_page("#view=faces&seed=5")
    page.locator(".grid[data-painted]").wait_for()
    page.get_by_role("button", name="More faces").click()
    page.keyboard.press("Control+z")
    shows(page, "--n 28")
    page.wait_for_timeout(500)
    assert page.locator(".tile").count() == 28
    assert "shown" not in (page.locator(".told").get_attribute("class") or "")
