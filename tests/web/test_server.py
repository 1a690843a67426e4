"""The explorer's server gives what the command line gives."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from explorer_site import Answer, Site, serving
from facegen.api.explore_files import ExplorerFiles
from facegen.io.provenance import read_provenance
from running import facegen
from toys import draw_photo

LOOK: dict[str, Any] = {"decoder": "plain", "sharpen": None, "sampler": {}}
SEEDS = [{"seed": 5, "row": row} for row in range(4)]
# A point, a look, and the command that makes the same, in a folder with all files.
SAME: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a face": ({"source": SEEDS[3]}, {}, "edit seed:5:3 --single"),
    "an edit": (
        {"source": SEEDS[3], "attribute": {"Smiling": 1.5}, "without": ["Male"], "radius": 2},
        {"sharpen": 3},
        "edit seed:5:3 --single --attribute Smiling=1.5 --without Male --radius 2 --sharpen 3 "
        "--attributes attributes.h5",
    ),
    "a cube": (
        {"source": SEEDS[1]},
        {"sampler": {"r_limit": 2.5}},
        "edit seed:5:1 --single --r-limit 2.5",
    ),
    "a fitted sampler": (
        {"source": SEEDS[1]},
        {"sampler": {"fitted": True, "truncation": 0.7}},
        "edit seed:5:1 --single --sampler sampler.h5 --truncation 0.7",
    ),
    "a stored face": ({"source": {"stored": 17}}, {}, "edit latents.h5:17 --single"),
    "a mix of four": (
        {"corners": SEEDS, "at": [0.25, 0.75], "radius": 2},
        {},
        "morph seed:5:0-3 --mix 0.25,0.75 --radius 2",
    ),
    "a mix of two": (
        {"corners": [SEEDS[0], {"stored": 3}], "at": [0.5, 0]},
        {"sampler": {"sigma": 1.3}},
        "morph seed:5:0 latents.h5:3 --mix 0.5 --sigma 1.3",
    ),
}


def pixels(answer: Answer) -> np.ndarray:
    """The faces of an answer, uint8 (N, size, size, 3)."""
    assert answer.status == 200, answer.body
    size = json.loads(answer.headers["x-faces"])["size"]
    return np.frombuffer(answer.body, np.uint8).reshape(-1, size, size, 3)


@pytest.mark.parametrize("name", SAME)
def test_a_download_is_the_file_that_the_command_writes(
    name: str, shared_site: Site, work: Path, tmp_path: Path
):
    point, look, command = SAME[name]
    asked = {"points": [point], "look": {**LOOK, **look}}
    saved = shared_site.ask("save", asked)
    done = facegen(*command.split(), "-o", tmp_path / "same.png")
    assert done.exit_code == 0, done.output
    assert saved.body == (tmp_path / "same.png").read_bytes()
    image = Image.open(tmp_path / "same.png")
    np.testing.assert_array_equal(pixels(shared_site.ask("faces", asked))[0], np.asarray(image))


def test_a_grid_is_what_generate_makes(shared_site: Site, work: Path, tmp_path: Path):
    points = [{"source": {"seed": 9, "row": row}} for row in range(5)]
    faces = pixels(shared_site.ask("faces", {"points": points, "look": LOOK}))
    facegen("generate", "--n", 5, "--seed", 9, "--individual", tmp_path)
    for row, face in enumerate(faces):
        np.testing.assert_array_equal(face, np.asarray(Image.open(tmp_path / f"face-{row}.png")))


def test_the_radius_that_is_told_is_that_of_the_face_as_it_came(shared_site: Site):
    points = [{"source": SEEDS[0]}, {"source": SEEDS[0], "radius": 9}]
    answer = shared_site.ask(
        "faces", {"points": points, "look": {**LOOK, "sampler": {"radius": 3.5}}}
    )
    assert json.loads(answer.headers["x-faces"])["radii"] == [3.5, 3.5]


def test_a_photo_is_shown_edited_and_found_again_by_its_digest(shared_site: Site, tmp_path: Path):
    photo = tmp_path / "me.png"
    draw_photo(50, 60).save(photo)
    headers = {"Content-Type": "application/octet-stream"}
    told = json.loads(
        shared_site.ask("photo?name=me.png", photo.read_bytes(), headers=headers).body
    )
    edited = {"source": told["source"], "attribute": {"Smiling": 1}}
    saved = shared_site.ask("save", {"points": [edited], "look": LOOK})
    provenance = read_provenance(Image.open(io.BytesIO(saved.body)))
    assert provenance is not None
    assert provenance["points"][0]["photo"] == "me.png"
    assert provenance["points"][0]["sha256"] == told["source"]["photo"]
    original = pixels(shared_site.ask("original", told["source"]))[0]
    assert original.shape == (32, 32, 3)


WATCHED: list[Any] = []  # arguments of open(), while a test wants them
WATCHING: list[bool] = []


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook, which stays for good: it notes what is opened for writing."""
    if WATCHING and event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
        WATCHED.append(arguments)


def test_a_photo_is_never_written_to_disk(shared_site: Site):
    content = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), np.uint8)
    Image.fromarray(noise).save(content, format="PNG")  # 7 MB: more than is kept of a form's file
    headers = {"Content-Type": "application/octet-stream"}
    sys.addaudithook(watch)
    WATCHING.append(True)
    try:
        answer = shared_site.ask("photo?name=a.png", content.getvalue(), headers=headers)
    finally:
        WATCHING.clear()
    assert (answer.status, WATCHED) == (200, [])


def test_a_training_photo_is_shown_where_its_face_set_is_given(shared_site: Site):
    found = pixels(shared_site.ask("original", {"stored": 17}))[0]
    assert shared_site.explorer.opened.face_set is not None
    np.testing.assert_array_equal(
        found, shared_site.explorer.opened.face_set.read(np.array([17]))[0]
    )


def test_photos_beyond_the_newest_sixteen_are_forgotten(site: Site):
    headers = {"Content-Type": "application/octet-stream"}
    sources = []
    for width in range(40, 57):
        content = io.BytesIO()
        draw_photo(width, 40).save(content, format="PNG")
        answer = site.ask("photo?name=a.png", content.getvalue(), headers=headers)
        sources.append(json.loads(answer.body)["source"])
    first = site.ask("faces", {"points": [{"source": sources[0]}], "look": LOOK})
    assert (first.status, "drop it on the page again" in first.error) == (400, True)
    assert site.ask("faces", {"points": [{"source": sources[1]}], "look": LOOK}).status == 200


def test_every_answer_forbids_what_the_page_doesn_t_need(shared_site: Site):
    for answer in (
        shared_site.ask(""),
        shared_site.ask("about"),
        shared_site.ask("none"),
        shared_site.ask("", token="x"),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in answer.headers


def test_a_request_that_facegen_refuses_says_why(shared_site: Site):
    point = {"source": SEEDS[0], "attribute": {"Smilling": 1}}
    answer = shared_site.ask("faces", {"points": [point], "look": LOOK})
    assert (answer.status, "it has Smiling" in answer.error) == (400, True)


@pytest.mark.parametrize(
    ("path", "asked", "told"),
    [
        ("start", {}, "it has no body.kind"),
        ("start", {"kind": ["pca"]}, "its body.kind is"),
        ("start", {"kind": "umap"}, "a map is one of pca, tsne, not 'umap'"),
        ("start", {"kind": "file"}, "a map is one of pca, tsne, not 'file'"),
        ("points", {}, "it has no body.kind"),
        ("points", {"kind": 7}, "its body.kind is 7"),
        ("points", {"kind": "x" * 1000}, f"no map '{'x' * 40}'; those that are made: none yet"),
        ("points", {"kind": "tsne"}, "no map 'tsne'; those that are made: none yet"),
        ("colour", {"name": "Smiling"}, "it has no body.kind"),
        ("colour", {"kind": "tsne"}, "it has no body.name"),
        ("colour", {"kind": None, "name": "Smiling"}, "its body.kind is None"),
        ("colour", {"kind": "tsne", "name": "Smiling"}, "no map 'tsne'"),
    ],
)
def test_a_map_that_isn_t_there_is_refused_in_a_line(
    path: str, asked: dict[str, Any], told: str, shared_site: Site
):
    answer = shared_site.ask(f"map/{path}", asked)
    assert (answer.status, told in answer.error) == (400, True), answer.error
    assert json.loads(shared_site.ask("map").body)["made"] == []


def test_without_a_store_there_is_no_map(toy_weights: Path):
    with serving(ExplorerFiles(toy_weights)) as site:
        asked = {"kind": "pca", "name": "Smiling"}
        answers = [site.ask(f"map/{name}", asked) for name in ("start", "points", "colour")]
        answers.append(site.ask("map"))
    told = {(answer.status, answer.error) for answer in answers}
    assert told == {(404, "there is no store; give one with --latents")}
