"""facegen explore --static: the folder that it writes. test_static_in_a_browser.py opens it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facegen.io.weights import DEFAULT_NAME, Weights
from facegen.latent.components import find_components
from facegen.latent.directions import find_directions
from facegen.model.browser_graph import with_batch_of_one
from facegen.web.static_page import WAIT, WAIT_LONGER
from running import REPOSITORY, facegen

LITERT = REPOSITORY / "facegen" / "web" / "static" / "litert"
MOST_BYTES = 30e6
IMPORT = re.compile(r"""(?:from|import|importScripts\(|Worker\()\s*["'`]([^"'`\s]+)["'`]""")
LINK = re.compile(r'(?:src|href)="([^"#]+)"')
NETWORK = re.compile(r"""["'`(](?:https?:)?//""")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the default weights."""
    folder = tmp_path_factory.mktemp("static") / "explorer"
    done = facegen("explore", "--static", folder, "--weights", REPOSITORY / "weights/celeba-vae")
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{folder}\n"
    assert f"python -m http.server -d {folder}\n" in done.stderr
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_folder_is_small_enough_and_lists_its_files(page: Path):
    content = files_of(page)
    assert sum(map(len, content.values())) < MOST_BYTES
    manifest = json.loads(content.pop("facegen.json"))
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    assert manifest["files"] == digests
    assert manifest["kind"] == "static explorer"
    weights = Weights.load(REPOSITORY / "weights" / DEFAULT_NAME)
    assert manifest["weights"]["crisp"] == weights.provenance("encoder", "crisp_decoder")
    assert manifest["weights"]["plain"] == weights.provenance("encoder", "decoder")


def test_info_says_what_the_folder_is_and_what_it_shows(page: Path):
    done = facegen("info", page, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["kind"] == "facegen-explorer"
    assert found["command"] == "explore"
    assert found["weights"]["crisp"]["name"] == DEFAULT_NAME
    weights = REPOSITORY / "weights" / DEFAULT_NAME
    digest = hashlib.sha256((weights / "attributes.h5").read_bytes()).hexdigest()
    assert found["directions"]["label"] == {
        "attributes_file": "attributes.h5",
        "attributes_sha256": digest,
    }
    assert "index.html" in found["files"]


def test_all_that_a_page_asks_for_is_in_the_folder_and_nothing_is_asked_of_the_network(page: Path):
    content = files_of(page)
    texts = {
        name: data.decode()
        for name, data in content.items()
        if name.endswith((".js", ".html", ".css")) and not name.startswith("litert/")
    }
    asked = {name: IMPORT.findall(text) + LINK.findall(text) for name, text in texts.items()}
    assert "./engine.js" in asked["main.js"]
    assert "./points.js" in asked["engine.js"]
    assert asked["decoder.js"] == ["decoder_worker.js"]
    missing = {
        f"{name}: {one}"
        for name, ones in asked.items()
        for one in ones
        if one.removeprefix("./").replace("${LITERT}", "litert/") not in content
    }
    assert missing == set()
    assert [name for name, text in texts.items() if NETWORK.search(text)] == []


def test_the_page_allows_no_inline_script_and_no_other_host(page: Path):
    html = (page / "index.html").read_text()
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">', html)
    assert policy is not None
    parts = dict(part.split(maxsplit=1) for part in policy[1].split("; "))
    assert parts["default-src"] == "'none'"
    assert parts["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert parts["connect-src"] == "'self'"
    assert "frame-ancestors" not in parts  # which a page's own text can't say
    assert html.index(policy[0]) < html.index("<link")
    assert WAIT_LONGER in html
    assert f"{WAIT}<" not in html


def test_what_runs_in_a_server_s_page_may_not_run_webassembly():
    from facegen.web.guard import POLICY

    assert "wasm" not in POLICY


def test_graphs_and_directions_are_the_weights(page: Path):
    weights = Weights.load(REPOSITORY / "weights" / DEFAULT_NAME)
    model = json.loads((page / "model.json").read_text())
    for name, stem in (("crisp", "crisp_decoder"), ("plain", "decoder")):
        graph = weights.file(f"{stem}.tflite").read_bytes()
        assert (page / model["graphs"][name]).read_bytes() == with_batch_of_one(graph)
    told = model["about"]["directions"]
    labels, components = find_directions(weights), find_components(weights)
    vectors = np.fromfile(page / "directions.f32", "<f4").reshape(len(told), 256)
    of_kind: dict[str, Any] = {"label": labels, "component": components}
    expected = [of_kind[one["kind"]][one["name"]] for one in told]
    np.testing.assert_array_equal(vectors, expected)
    assert {one["name"] for one in told if one["kind"] == "label"} == set(labels.names)
    assert "non-commercial research only" in model["about"]["note"]


def test_no_path_of_this_machine_is_told(toy_weights: Path, toy_attributes: Path, tmp_path: Path):
    folder = tmp_path / "page"
    options = ["--weights", toy_weights, "--attributes", toy_attributes]
    assert facegen("explore", "--static", folder, *options).exit_code == 0
    texts = (path.read_bytes() for path in folder.glob("*.js*"))
    assert not any(str(toy_weights.parent).encode() in text for text in texts)
    about = json.loads((folder / "model.json").read_text())["about"]
    assert about["files"]["weights"] == "toy"
    assert about["files"]["attributes"] == "attributes.h5"
    assert about["decoders"] == ["plain"]
    assert not any(about[name] for name in ("photos", "stored", "fitted"))


def test_a_folder_that_exists_is_refused_without_force_and_another_s_file_stays(
    toy_weights: Path, tmp_path: Path
):
    folder = tmp_path / "page"
    options = ["--static", folder, "--weights", toy_weights]
    assert facegen("explore", *options).exit_code == 0
    before = files_of(folder)
    again = facegen("explore", *options)
    assert again.exit_code == 1
    assert "exists already; choose another name or add --force" in str(again.exception)
    assert facegen("explore", *options, "--force").exit_code == 0
    assert files_of(folder) == before
    (folder / "notes.txt").write_text("mine")
    refused = facegen("explore", *options, "--force")
    assert refused.exit_code == 1
    assert "notes.txt is not facegen's; move it away" in str(refused.exception)
    assert (folder / "notes.txt").read_text() == "mine"
    assert os.listdir(tmp_path) == ["page"]


@pytest.mark.parametrize(
    "options",
    [
        ["--static", "page", "--port", "8000"],
        ["--static", "page", "--no-browser"],
        ["--static", "page", "--host", "0.0.0.0"],
        ["--static", "page", "--latents", "latents.h5"],
        ["--static", "page", "--sampler", "sampler.h5"],
        ["--force"],
    ],
)
def test_options_that_a_static_page_has_no_use_for_are_refused(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    done = facegen("explore", *options)
    assert done.exit_code == 2
    assert "--static" in done.stderr
    assert os.listdir(tmp_path) == []


def test_litert_js_is_the_one_that_its_readme_tells_of():
    readme = (LITERT / "README.md").read_text()
    for path in LITERT.glob("*.js"), LITERT.glob("*.wasm"):
        for file in path:
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            assert f"| {file.name} | wasm/ | {digest} |" in readme
    assert "Apache License" in (LITERT / "LICENSE").read_text()
