"""explore: what the explorer is made of, and its command."""

from __future__ import annotations

import http.client
import importlib.util
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facegen.api.components import components
from facegen.api.explore import Explorer, Look, Source, Wish
from facegen.api.explore_files import ExplorerFiles
from facegen.api.explore_map import Places, StoreMaps
from facegen.errors import FacegenError, InputError
from facegen.io.latent_store import Latents
from facegen.web.server import listen
from running import facegen, python_environment

PLAIN = Look("plain")


@pytest.fixture
def explorer(toy_weights: Path, toy_store: Path, toy_attributes: Path) -> Explorer:
    return Explorer(ExplorerFiles(toy_weights, toy_attributes, latents=toy_store), threads=1)


def test_a_face_is_the_same_alone_and_among_others(explorer: Explorer):
    wishes = [Wish((Source(5, row),)) for row in range(40)]
    faces, radii = explorer.faces(wishes, PLAIN)
    one, radius = explorer.faces([wishes[7]], PLAIN)
    np.testing.assert_array_equal(faces[7], one[0])
    assert radii[7] == radius[0]


def test_an_edit_without_directions_is_refused(toy_weights: Path):
    explorer = Explorer(ExplorerFiles(toy_weights), threads=1)
    with pytest.raises(InputError, match="Smiling"):
        explorer.faces([Wish((Source(5),), attribute={"Smiling": 1.0})], PLAIN)


def test_what_the_explorer_was_not_given_is_refused_in_a_line(toy_weights: Path):
    explorer = Explorer(ExplorerFiles(toy_weights), threads=1)
    with pytest.raises(InputError, match="there is no store; give one with --latents"):
        explorer.faces([Wish((Source(row=3),))], PLAIN)
    with pytest.raises(InputError, match="not encoded from a picture that is here"):
        explorer.original(Source(5))
    with pytest.raises(InputError, match="no longer in memory"):
        explorer.original(Source(photo="0" * 64))


def test_another_face_set_than_the_store_s_is_refused(
    toy_weights: Path, toy_store: Path, tmp_path: Path
):
    facegen("generate", "--n", 2, "--weights", toy_weights, "-o", tmp_path / "new.h5")
    files = ExplorerFiles(toy_weights, latents=toy_store, faces=tmp_path / "new.h5")
    with pytest.raises(InputError, match="is not the face set that"):
        Explorer(files).opened.check()


@pytest.mark.parametrize("named", ["attributes.h5", "components.h5"])
def test_a_file_of_directions_is_for_its_kind_and_the_weights_own_for_the_other(
    named: str, toy_weights: Path, toy_store: Path, toy_attributes: Path, tmp_path: Path
):
    folder = tmp_path / "weights"
    shutil.copytree(toy_weights, folder)
    shutil.copy(toy_attributes, folder / "attributes.h5")
    components(toy_store, folder / "components.h5", weights=folder)
    (folder / named).rename(tmp_path / named)
    opened = Explorer(ExplorerFiles(folder, tmp_path / named), threads=1).opened
    assert opened.directions is not None
    assert opened.components is not None
    found = [opened.directions.path, opened.components.path]
    names = ("attributes.h5", "components.h5")
    assert found == [(tmp_path if name == named else folder) / name for name in names]


# The map.


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_places_fill_a_square_and_y_points_down(toy_store: Path, tmp_path: Path):
    path = write(tmp_path / "places.csv", "row,x,y,value\n4,0,0,1\n2,10,5,-1\n")
    with Latents.open(toy_store) as store:
        found = Places.read(path, store)
    assert found.rows.tolist() == [4, 2]
    np.testing.assert_allclose(found.places, [[-0.95, 0.475], [0.95, -0.475]], rtol=1e-6)


@pytest.mark.parametrize(
    "text", ["", "row,x,y\n", "x,y,row\n1,2,3\n", "row,x,y\n1,nan,2\n", "row,x,y\n1,2\n", "a\0b"]
)
def test_a_file_that_is_no_map_is_refused(text: str, toy_store: Path, tmp_path: Path):
    with (
        Latents.open(toy_store) as store,
        pytest.raises(InputError, match="is no map of 'facegen analyze tsne --csv'"),
    ):
        Places.read(write(tmp_path / "places.csv", text), store)


def test_a_map_with_rows_that_the_store_lacks_is_refused(toy_store: Path, tmp_path: Path):
    path = write(tmp_path / "places.csv", "row,x,y\n300,0,0\n")
    with Latents.open(toy_store) as store, pytest.raises(InputError, match="has rows 0 to 299"):
        Places.read(path, store)


def finished(maps: StoreMaps) -> dict[str, Any]:
    """The status once no map is being made."""
    end = time.monotonic() + 60
    while maps.status["making"] and time.monotonic() < end:
        time.sleep(0.02)
    return maps.status


def test_a_map_is_made_as_the_command_makes_it(toy_store: Path, tmp_path: Path):
    facegen("analyze", "pca", toy_store, "--csv", tmp_path / "places.csv")
    with Latents.open(toy_store) as store:
        maps = StoreMaps(store, tmp_path / "places.csv")
        assert maps.status["made"] == ["file"]
        maps.start("pca")
        assert finished(maps)["made"] == ["file", "pca"]
        np.testing.assert_array_equal(maps.places("pca").places, maps.places("file").places)
        assert set(maps.colour("pca", "Smiling").tolist()) <= {-1, 0, 1}
        with pytest.raises(InputError, match="a map is one of pca, tsne, not 'umap'"):
            maps.start("umap")
        with pytest.raises(InputError, match="no map 'tsne'; those that are made: file, pca"):
            maps.places("tsne")


def test_each_kind_of_map_is_made_once_and_one_at_a_time(
    toy_store: Path, monkeypatch: pytest.MonkeyPatch
):
    begun, going = [], threading.Event()

    def slow_tsne(path: Path, *, places_csv: Path) -> None:
        begun.append("tsne")
        going.wait(60)
        write(places_csv, "row,x,y\n3,1,2\n1,4,8\n")

    monkeypatch.setattr("facegen.api.analyze_tsne.analyze_tsne", slow_tsne)
    with Latents.open(toy_store) as store:
        maps = StoreMaps(store)
        maps.start("tsne")
        maps.start("tsne")
        with pytest.raises(InputError, match="a map is being made already"):
            maps.start("pca")
        with pytest.raises(InputError, match="no map 'tsne'; those that are made: none yet"):
            maps.places("tsne")
        going.set()
        assert finished(maps)["made"] == ["tsne"]
        maps.start("pca")
        assert finished(maps)["made"] == ["tsne", "pca"]
        maps.start("tsne")
        assert (maps.status["making"], begun) == (None, ["tsne"])
        assert maps.places("tsne").rows.tolist() == [3, 1]
        assert len(maps.colour("tsne", "Smiling")) == 2
        assert len(maps.colour("pca", "Smiling")) == len(store)


def test_why_a_map_can_t_be_made_is_told_until_it_is_tried_again(
    toy_store: Path, monkeypatch: pytest.MonkeyPatch
):
    def failing(path: Path, *, places_csv: Path) -> None:
        raise FacegenError("openTSNE is not installed")

    monkeypatch.setattr("facegen.api.analyze_tsne.analyze_tsne", failing)
    with Latents.open(toy_store) as store:
        maps = StoreMaps(store)
        maps.start("tsne")
        assert finished(maps)["errors"] == {"tsne": "openTSNE is not installed"}
        monkeypatch.setattr(
            "facegen.api.analyze_tsne.analyze_tsne",
            lambda _, *, places_csv: write(places_csv, "row,x,y\n3,1,2\n"),
        )
        maps.start("tsne")
        assert (finished(maps)["made"], maps.status["errors"]) == (["tsne"], {})


# The command.


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, which ends with the block."""
    if importlib.util.find_spec("uvicorn") is None:
        pytest.skip("needs facegen[explore]")
    with subprocess.Popen(
        [sys.executable, "-m", "facegen", "explore", "--no-browser", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=python_environment(),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_the_address_is_printed_and_a_signal_ends_it(name: str, code: int, toy_weights: Path):
    with started("--weights", str(toy_weights)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{22}/", address)
        with urllib.request.urlopen(address) as answer:
            assert b"<title>facegen</title>" in answer.read()
        process.send_signal(getattr(signal, name))
        assert process.wait(20) == code
        assert process.stderr.read() == ""


def test_another_host_is_warned_of_and_answers_by_name_and_address(toy_weights: Path):
    with started("--weights", str(toy_weights), "--host", "0.0.0.0") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        address = process.stdout.readline().strip()
        assert "others on the network can open" in process.stderr.readline()
        named = re.match(r"http://(.+):(\d+)(/.+/)$", address)
        assert named is not None
        name, port, path = named.groups()
        for host, status in ((name, 200), ("192.0.2.7", 200), ("evil.example", 421)):
            connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=20)
            connection.request("GET", path, headers={"Host": f"{host}:{port}"})
            assert connection.getresponse().status == status, host
            connection.close()


def test_a_port_that_is_taken_is_told_so():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(FacegenError, match=r"already in use; choose another --port"):
            listen(port=port)


def test_another_machine_s_address_is_told_so():
    with pytest.raises(FacegenError, match=r"^can't listen at 192\.0\.2\.1:0: .*another --host$"):
        listen("192.0.2.1")


def test_a_token_is_never_the_same():
    addresses = [listen() for _ in range(3)]
    assert len({address.token for address in addresses}) == 3
    for address in addresses:
        address.listener.close()


def test_a_face_set_without_its_store_is_wrong_usage():
    done = facegen("explore", "--faces", "faces.h5")
    assert (done.exit_code, "--faces and --map go with --latents" in done.output) == (2, True)
