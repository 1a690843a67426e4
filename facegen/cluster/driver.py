"""Ray's driver: python -m facegen.cluster.driver ADDRESS THREADS DESCRIPTOR, a process of its own.

A driver of Ray takes over SIGTERM and SIGALRM, and ends with its head node. The command keeps its
signals, the lock and the one writer, and this process ends with the command: so does its work on
the cluster, since Ray stops what a driver that is gone has asked for.

What goes over the pipe, each message an object that multiprocessing pickles: to the command None
once something listens at the address, then the window, which is how many blocks may be under way;
from the command the job, then blocks, as many as the window holds. Then each answer, in order,
calls for one block more; None stands for the end of them. An answer may be a FacegenError.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import socket
import sys
from collections import deque
from multiprocessing.connection import Connection
from typing import Any

from facegen.cluster.jobs import Arrays, Job
from facegen.cluster.worker import run_block
from facegen.errors import FacegenError, InputError
from facegen.hardware import available_cpus
from facegen.version import __version__

LOCAL = "local"
PROBE_SECONDS = 2.0  # to be connected, and then to be answered
WINDOW = 4  # blocks for each worker: one that takes three times as long holds nobody up
RETRIES = 10  # of a block whose worker or node was lost
EMPTY_SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # a frame: length, type, flags, stream
POLL_SECONDS = 0.2  # after which a command that is gone is noticed


def split_address(address: str) -> tuple[str, int]:
    """HOST:PORT, taken apart.

    Raises:
        InputError: it is something else.
    """
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or int(port) > 65535:
        raise InputError(
            f"--ray takes HOST:PORT of a cluster's head node, as 'ray start --head' tells it, or "
            f"{LOCAL}; not {address!r}"
        )
    return host.strip("[]"), int(port)


def unreachable(address: str, reason: object) -> FacegenError:
    return FacegenError(
        f"no Ray cluster answers at {address} ({reason}); is its head node running there? "
        f"'--ray {LOCAL}' needs none"
    )


def probe(address: str) -> None:
    """Raises FacegenError unless gRPC, which Ray speaks, answers; Ray would try for a minute.

    A server of HTTP/2 answers the beginning of a connection (RFC 9113, section 3.4) with SETTINGS.
    """
    try:
        with socket.create_connection(split_address(address), PROBE_SECONDS) as connection:
            if os.environ.get("RAY_USE_TLS") == "1":  # it begins otherwise
                return
            connection.settimeout(PROBE_SECONDS)
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + EMPTY_SETTINGS)
            frame = connection.recv(9)
    except OSError as error:
        raise unreachable(address, error.strerror or error) from error
    if frame[3:4] != EMPTY_SETTINGS[3:4]:
        raise unreachable(address, "what listens there is something else")


def connect(address: str) -> Any:
    """Connects to a cluster, or starts one on this machine; returns Ray.

    Raises:
        FacegenError: that can't be done.
    """
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    if address == LOCAL:
        options |= {"num_cpus": available_cpus(), "include_dashboard": False}
        if "RAY_AUTH_MODE" not in os.environ:
            # Ours alone. Ray would leave one in ~/.ray, and every later 'ray start' would use it.
            os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    import ray

    try:
        ray.init(address, **options)
    except Exception as error:  # Ray's own are of all kinds
        raise _translated(error, address) from error
    return ray


def _translated(error: Exception, address: str) -> FacegenError:
    """What Ray says of a connection that failed, on one line."""
    text = " ".join(str(error).split())
    why = f"{text} {error.__cause__}"
    if found := re.search(
        r"Version mismatch.*?Ray: (\S+) Python: (\S+).*Ray: (\S+) Python: (\S+)", text
    ):
        theirs, their_python, ours, our_python = found.groups()
        return FacegenError(
            f"the cluster at {address} runs Ray {theirs} with Python {their_python}, this machine "
            f"Ray {ours} with Python {our_python}; both must be the same"
        )
    if "InvalidAuthToken" in why:
        return FacegenError(
            f"the cluster at {address} takes no command without its token: set RAY_AUTH_MODE=token "
            "and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH, as its nodes have them"
        )
    if "node to connect to" in why:
        return FacegenError(
            f"this machine is no node of the cluster at {address}; 'ray start --num-cpus 0 "
            f"--address {address}' makes it one that computes nothing"
        )
    return FacegenError(f"cannot connect to the Ray cluster at {address}: {text}")


def count_workers(ray: Any, address: str, threads: int) -> int:
    """How many workers of so many threads the cluster has room for now."""
    cpus = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
    workers = sum(int(count // threads) for count in cpus)
    if workers == 0:
        raise FacegenError(
            f"no machine of the cluster at {address} has {threads} processors for a worker; "
            f"the largest has {max(cpus, default=0):g}"
        )
    return workers


class Blocks:
    """Blocks that are under way on the cluster, and their results in order."""

    def __init__(self, ray: Any, job: Job, threads: int):
        self._ray = ray
        self._job = job
        self._reference = ray.put(job)
        self._run = ray.remote(run_block).options(num_cpus=threads, max_retries=RETRIES)
        self._brought = False  # whether a worker was met that lacks what blocks are of
        self._pending: deque[tuple[Any, Any]] = deque()

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, block: Any) -> None:
        block_sent = self._job.bring(block) if self._brought else block
        self._pending.append((block, self._submit(block_sent)))

    def _submit(self, block: Any) -> Any:
        return self._run.remote(__version__, [self._reference], block)

    def next(self, connection: Connection) -> Arrays:
        """The result of the first block, which is no longer under way then.

        Raises:
            EOFError: the command is gone.
            FacegenError: the block can't be computed.
        """
        block, reference = self._pending.popleft()
        result = self._get(reference, connection)
        if result is None:
            self._brought = True
            result = self._get(self._submit(self._job.bring(block)), connection)
        assert result is not None  # a block that was brought lacks nothing
        return result

    def _get(self, reference: Any, connection: Connection) -> Arrays | None:
        while not self._ray.wait([reference], timeout=POLL_SECONDS)[0]:
            if connection.poll():  # the command has nothing to say now but that it ends
                raise EOFError
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise _cause(error.cause) from error
        except self._ray.exceptions.RayError as error:
            reason = " ".join(str(error).split())[:300]
            raise FacegenError(f"the cluster gave up a block of faces: {reason}") from error


def _cause(error: BaseException) -> FacegenError:
    """Why a worker failed, on one line."""
    if isinstance(error, FacegenError):
        return error
    text = " ".join(str(error).split())
    if missing := re.search(r"No module named '([^']+)'", text):
        return FacegenError(
            f"a machine of the cluster lacks {missing[1]}; install the same facegen there as here"
        )
    return FacegenError(f"a worker of the cluster failed with {type(error).__name__}: {text}")


def serve(connection: Connection, address: str, threads: int) -> None:
    """Does the command's work, until that is done or the command is gone."""
    if address != LOCAL:
        probe(address)
    connection.send(None)
    ray = connect(address)
    window = WINDOW * count_workers(ray, address, threads)
    connection.send(window)
    blocks, ended = Blocks(ray, connection.recv(), threads), False
    while not ended or blocks:
        while not ended and len(blocks) < window:
            block = connection.recv()
            ended = block is None
            if not ended:
                blocks.add(block)
        if blocks:
            connection.send(blocks.next(connection))


def main() -> None:
    """Tells the command of its errors; of a command or a cluster that is gone, nothing."""
    address, threads, descriptor = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    os.set_inheritable(descriptor, False)
    with Connection(descriptor) as connection:
        try:
            serve(connection, address, threads)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return
        except FacegenError as error:
            connection.send(error)
        except Exception as error:  # nobody would see a traceback
            if isinstance(error, OSError) and error.errno is None:
                return  # Ray's own "Broken pipe", which has no number: the cluster has ended
            text = f"Ray's driver failed with {type(error).__name__}: {error}"
            connection.send(FacegenError(" ".join(text.split())))


if __name__ == "__main__":
    main()
