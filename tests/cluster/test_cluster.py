"""The two sides of a Ray cluster, with a Ray that runs everything in the driver's own process."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from facegen.cluster.cluster import connect
from facegen.cluster.driver import WINDOW
from facegen.cluster.jobs import DecodeJob, EncodeJob
from facegen.cluster.worker import run_block
from facegen.errors import FacegenError, InputError
from facegen.images.sharpening import Sharpening
from facegen.io.face_set import FaceSet
from facegen.io.latent_store import Origin
from facegen.model.codec import Codec
from facegen.version import __version__
from running import facegen
from same_files import assert_same

# What facegen uses of Ray. Its workers are another machine: what a job names is not found there.
RAY = """
import pickle
from types import SimpleNamespace


class exceptions:
    class RayError(Exception):
        pass

    class RayTaskError(RayError):
        def __init__(self, cause):
            self.cause = cause


def init(address, **options):
    pass


def nodes():
    lost = {"Alive": False, "Resources": {"CPU": 64.0}}
    return [{"Alive": True, "Resources": {"CPU": 2.0}}, lost]


def put(value):
    return pickle.dumps(value)


def get(reference):
    value = pickle.loads(reference)
    if isinstance(value, Exception):
        raise exceptions.RayTaskError(value)
    if hasattr(value, "path"):
        value.path = value.path / "elsewhere"
    return value


def wait(references, timeout):
    return references, []


def remote(function):
    def run(*arguments):
        try:
            return put(function(*pickle.loads(pickle.dumps(arguments))))
        except Exception as error:
            return put(error)

    return SimpleNamespace(options=lambda **options: SimpleNamespace(remote=run))
"""
MISMATCH = """Version mismatch: The cluster was started with:
    Ray: 2.1.0
    Python: 3.11.2
This process on node 192.0.2.7 was started with:
    Ray: 2.60.0
    Python: 3.11.7
"""


@pytest.fixture
def ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That Ray, as the module `ray` of the driver's process; returns its source."""
    source = tmp_path / "libraries" / "ray" / "__init__.py"
    source.parent.mkdir(parents=True)
    source.write_text(RAY)
    monkeypatch.syspath_prepend(source.parent.parent)
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    return source


def test_a_machine_that_finds_no_face_set_is_sent_the_rows(work: Path, ray: Path, tmp_path: Path):
    alone, together = tmp_path / "alone.h5", tmp_path / "together.h5"
    for output, options in ((alone, []), (together, ["--ray", "local"])):
        done = facegen("encode", "faces.h5", "--seed", 4, "-o", output, *options)
        assert done.exit_code == 0, done.output
    assert_same(together, alone)


@pytest.mark.parametrize("count", [1, 300, 2600])  # less than a block, blocks, more than a window
def test_faces_of_a_cluster_are_those_of_one_process(
    work: Path, ray: Path, tmp_path: Path, count: int
):
    alone, together = tmp_path / "alone.h5", tmp_path / "together.h5"
    for output, options in ((alone, []), (together, ["--ray", "local"])):
        arguments = ("--n", count, "--seed", 4, "--sharpen", 2, "-o", output)
        done = facegen("generate", *arguments, *options)
        assert done.exit_code == 0, done.output
    assert_same(together, alone)


def test_a_face_set_is_read_where_it_is_and_its_fingerprint_is_right(codec: Codec, toy_faces: Path):
    with FaceSet.open(toy_faces) as faces:
        fingerprint = faces.fingerprint
    carrying = codec.carrying("encoder", threads=1)
    block = range(20, 25), None
    for path, expected, found in (
        (toy_faces, fingerprint, True),
        (toy_faces, "another", False),
        (toy_faces / "elsewhere", fingerprint, False),
    ):
        job = EncodeJob(carrying, Origin(), path, expected)
        assert (job.run(block) is not None) == found
        if found:
            assert job.bring(block)[1] is not None
        else:
            with pytest.raises(InputError, match="was changed or removed while it was encoded"):
                job.bring(block)


def test_only_a_window_of_blocks_is_under_way(codec: Codec, ray: Path):
    drawn: list[int] = []

    def blocks() -> Iterator[np.ndarray]:
        for number in range(40):
            drawn.append(number)
            yield np.full((1, codec.latent_dim), number, np.float32)

    with connect("local") as cluster:
        job = DecodeJob(codec.carrying(codec.decoder, threads=1), Sharpening())
        for number, (faces,) in enumerate(cluster.run(job, blocks())):
            assert len(drawn) <= number + 2 * WINDOW  # of two processors
            np.testing.assert_array_equal(faces, codec.decode(np.full((1, 8), number)))
    assert number == 39


def test_a_block_that_is_lost_too_often_is_one_line(work: Path, ray: Path, tmp_path: Path):
    lost = "    raise exceptions.RayError('the node\\ndied')\n"
    ray.write_text(RAY.replace("    value = pickle", lost + "    value = pickle"))
    done = facegen("generate", "--n", 3, "--ray", "local", "-o", tmp_path / "new.h5")
    assert done.exit_code == 1
    assert str(done.exception) == "the cluster gave up a block of faces: the node died"


def test_a_worker_of_another_version_refuses():
    with pytest.raises(FacegenError, match=f"has facegen {__version__}, this machine 0.0.1;"):
        run_block("0.0.1", [None], None)


def test_an_error_of_a_worker_is_one_line(work: Path, ray: Path, tmp_path: Path):
    output = tmp_path / "new.h5"
    ray.write_text(RAY.replace("function(*", '__import__("nothing_of_that_name")(*'))
    done = facegen("generate", "--n", 3, "--ray", "local", "-o", output)
    assert done.exit_code == 1
    assert "lacks nothing_of_that_name; install the same facegen there as here" in str(
        done.exception
    )
    assert not output.exists()


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            MISMATCH,
            "the cluster at local runs Ray 2.1.0 with Python 3.11.2, this machine Ray 2.60.0 with "
            "Python 3.11.7; both must be the same",
        ),
        (
            "No node info found when trying to resolve node to connect to.",
            "this machine is no node of the cluster at local; 'ray start --num-cpus 0 --address "
            "local' makes it one that computes nothing",
        ),
        (
            "InvalidAuthToken",
            "the cluster at local takes no command without its token: set RAY_AUTH_MODE=token and "
            "RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH, as its nodes have them",
        ),
        ("Out of\\nluck", "cannot connect to the Ray cluster at local: Out of luck"),
    ],
)
def test_a_cluster_that_can_t_be_used_is_one_line(
    work: Path, ray: Path, tmp_path: Path, error: str, says: str
):
    ray.write_text(
        RAY.replace(
            "    pass\n\n\ndef nodes", f"    raise RuntimeError('''{error}''')\n\n\ndef nodes"
        )
    )
    output = tmp_path / "latents.h5"
    done = facegen("encode", "faces.h5", "--ray", "local", "-o", output)
    assert done.exit_code == 1
    assert str(done.exception) == says
    assert not output.exists()


def test_a_worker_must_fit_on_a_machine(work: Path, ray: Path, tmp_path: Path):
    arguments = ("--n", 3, "--ray", "local", "--threads", 3, "-o", tmp_path / "new.h5")
    done = facegen("generate", *arguments)
    assert done.exit_code == 1
    assert "no machine of the cluster at local has 3 processors" in str(done.exception)


def test_a_driver_that_dies_is_one_line(work: Path, ray: Path, tmp_path: Path):
    ray.write_text(
        RAY.replace(
            "def wait(references, timeout):", "def wait(*_, **__):\n    import os; os._exit(1)\n"
        )
    )
    output = tmp_path / "new.h5"
    done = facegen("generate", "--n", 3, "--ray", "local", "-o", output)
    assert done.exit_code == 1
    assert "the Ray cluster at local is lost" in str(done.exception)
    assert not output.exists()


def test_a_fault_of_the_driver_is_one_line(work: Path, ray: Path, tmp_path: Path):
    ray.write_text(RAY.replace("def nodes():", "def nodes():\n    return [][0]\n"))
    done = facegen("generate", "--n", 3, "--ray", "local", "-o", tmp_path / "new.h5")
    assert done.exit_code == 1
    assert str(done.exception).startswith("Ray's driver failed with IndexError: list index")


def test_without_ray_the_extra_is_named(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "ray", None)
    done = facegen("generate", "--n", 3, "--ray", "local", "-o", tmp_path / "new.h5")
    assert done.exit_code == 1
    assert str(done.exception) == "Ray is not installed: pip install 'facegen[ray]'"


def test_an_address_without_a_cluster_is_answered_within_five_seconds(
    work: Path, ray: Path, tmp_path: Path
):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connects, and says nothing
        for port, reason in ((1, "Connection refused"), (silent.getsockname()[1], "timed out")):
            output, start = tmp_path / "latents.h5", time.monotonic()
            done = facegen("encode", "faces.h5", "--ray", f"127.0.0.1:{port}", "-o", output)
            assert time.monotonic() - start < 5
            assert done.exit_code == 1
            assert str(done.exception).startswith(
                f"no Ray cluster answers at 127.0.0.1:{port} ({reason})"
            )
            assert not output.exists()


@pytest.mark.parametrize("address", ["host", "ray://192.0.2.1:10001", ":6379", "h:70000", "h:x"])
def test_what_is_no_address_is_refused(work: Path, ray: Path, tmp_path: Path, address: str):
    done = facegen("encode", "faces.h5", "--ray", address, "-o", tmp_path / "latents.h5")
    assert done.exit_code == 1
    assert str(done.exception).startswith("--ray takes HOST:PORT")


def test_a_sheet_is_no_work_for_a_cluster(work: Path):
    done = facegen("generate", "--n", 3, "--ray", "local", "-o", "sheet.png")
    assert done.exit_code == 2
    assert "--ray makes face sets" in done.output
