"""A real Ray cluster of two nodes on this machine, of which workers and a node are killed.

What is lost is computed again: each result is the file of a single process, bit for bit.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest

from facegen.api.encode import encode
from facegen.api.generate import generate_files
from facegen.api.generate_request import GenerateRequest
from facegen.errors import FacegenError
from facegen.io.face_set_writer import FaceSetWriter
from running import python_environment, run_python
from same_files import assert_same, datasets

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs facegen[ray]"),
]

GENERATED = 3000  # faces: 4 s of one core's work in 12 blocks, of which 8 are under way
ENCODED = 8000
PATIENCE = 60.0  # seconds until something happens that must

Progress = Callable[[int], None]


def ignore(done: int) -> None:
    pass


def wait_until(happens: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.02)


@dataclass
class Node:
    """A node of a cluster: a process and those that it starts, all of one session."""

    process: subprocess.Popen

    def processes(self, name: str = "") -> list[int]:
        """Numbers of its processes whose command line begins with a name."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            number = int(entry.name)
            with suppress(OSError):
                ours = os.getsid(number) == self.process.pid
                if ours and (entry / "cmdline").read_text().startswith(name):
                    found.append(number)
        return found

    def kill(self) -> None:
        """Ends it at once, as a loss of power does."""
        while processes := self.processes():
            for number in processes:
                with suppress(OSError):
                    os.kill(number, signal.SIGKILL)
            self.process.poll()


@dataclass
class RayCluster:
    address: str
    nodes: list[Node]

    def workers(self) -> list[tuple[Node, int]]:
        """Node and process number of each worker that computes for a command now."""
        return [
            (node, number) for node in self.nodes for number in node.processes("ray::run_block")
        ]


def start_node(*options: str) -> Node:
    """Starts a node of one processor."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *options]
    sizes = ["--num-cpus", "1", "--object-store-memory", str(200 * 2**20)]
    return Node(
        subprocess.Popen(
            [*command, *sizes],
            env={**python_environment(), "RAY_USAGE_STATS_ENABLED": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    )


def wait_for_nodes(address: str, count: int) -> None:
    """Waits until a cluster answers and has so many nodes."""
    script = (
        "import ray, sys\n"
        "ray.init(sys.argv[1], log_to_driver=False)\n"
        "sys.exit(sum(node['Alive'] for node in ray.nodes()) < int(sys.argv[2]))\n"
    )
    wait_until(lambda: run_python("-c", script, address, str(count)).returncode == 0)


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """Two nodes. They are ended by their numbers, whatever the tests have left of them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # short, for the names of sockets
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        patch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "5")  # not a minute
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        port = address.rpartition(":")[2]
        options = ("--head", "--port", port, "--include-dashboard", "false", "--temp-dir", folder)
        head = start_node(*options)
        stack.callback(head.kill)
        wait_for_nodes(address, 1)
        other = start_node("--address", address)
        stack.callback(other.kill)
        wait_for_nodes(address, 2)
        yield RayCluster(address, [head, other])


def generate(path: Path, *, ray: str | None = None, progress: Progress = ignore) -> None:
    request = GenerateRequest(output=path, count=GENERATED, seed=6, ray=ray)
    generate_files(request, progress=progress)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face set of noise, its store and generated faces, each made by a single process."""
    folder = tmp_path_factory.mktemp("alone")
    random = np.random.default_rng(1)
    with FaceSetWriter(folder / "faces.h5", size=96, source="noise", crop="none") as writer:
        for start in range(0, ENCODED, 1000):
            images = random.integers(0, 256, (1000, 96, 96, 3), np.uint8)
            writer.append(images, [f"{row}.png" for row in range(start, start + 1000)])
    encode(folder / "faces.h5", folder / "latents.h5", seed=6)
    generate(folder / "new.h5")
    return folder


def once(act: Callable[[], None]) -> Progress:
    """A progress that acts after the first rows, when a window of blocks is under way."""
    acts = [act]

    def progress(done: int) -> None:
        if acts:
            acts.pop()()

    return progress


def test_an_encoding_outlives_a_worker(cluster: RayCluster, folder: Path, tmp_path: Path):
    killed = []

    def kill_worker() -> None:
        wait_until(cluster.workers)
        _, number = cluster.workers()[0]
        os.kill(number, signal.SIGKILL)
        killed.append(number)

    output = tmp_path / "latents.h5"
    progress = once(kill_worker)
    encode(folder / "faces.h5", output, seed=6, ray=cluster.address, progress=progress)
    assert killed
    assert_same(output, folder / "latents.h5")


def test_ctrl_c_stops_the_cluster_and_a_run_without_it_goes_on(
    cluster: RayCluster, folder: Path, tmp_path: Path
):
    output = tmp_path / "latents.h5"
    arguments = ["encode", str(folder / "faces.h5"), "-o", str(output), "--seed", "6"]
    command = [sys.executable, "-m", "facegen", *arguments, "--ray", cluster.address]
    process = subprocess.Popen(command, env=python_environment(), stderr=subprocess.PIPE)

    def has_rows() -> bool:
        assert process.poll() is None
        return output.exists() and datasets(output)["mu"][0].any()

    wait_until(has_rows)
    assert cluster.workers()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (130, b"")
    wait_until(lambda: not cluster.workers())
    with h5py.File(output) as file:
        done = int(file["rows_done"][()])
    assert 0 < done < ENCODED
    assert encode(folder / "faces.h5", output).resumed_at == done
    assert_same(output, folder / "latents.h5")


def test_a_command_that_is_killed_leaves_no_work_behind(
    cluster: RayCluster, folder: Path, tmp_path: Path
):
    arguments = ["generate", "--n", "100000", "--seed", "6", "-o", str(tmp_path / "new.h5")]
    command = [sys.executable, "-m", "facegen", *arguments, "--ray", cluster.address]
    process = subprocess.Popen(command, env=python_environment())
    wait_until(cluster.workers)
    process.kill()
    process.wait()
    wait_until(lambda: not cluster.workers())


def test_a_generation_outlives_a_node(cluster: RayCluster, folder: Path, tmp_path: Path):
    other = cluster.nodes[1]

    def kill_node() -> None:
        wait_until(lambda: any(node is other for node, _ in cluster.workers()))
        other.kill()

    generate(tmp_path / "new.h5", ray=cluster.address, progress=once(kill_node))
    assert not other.processes()
    assert_same(tmp_path / "new.h5", folder / "new.h5")


def test_a_cluster_that_ends_is_one_line_and_the_rows_stay(
    cluster: RayCluster, folder: Path, tmp_path: Path
):
    output = tmp_path / "latents.h5"
    head = cluster.nodes[0]
    with pytest.raises(FacegenError, match="is lost"):
        encode(folder / "faces.h5", output, seed=6, ray=cluster.address, progress=once(head.kill))
    with h5py.File(output) as file:
        done = int(file["rows_done"][()])
    assert done > 0
    assert encode(folder / "faces.h5", output).resumed_at == done
    assert_same(output, folder / "latents.h5")
