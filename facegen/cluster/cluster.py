"""The command's side of a Ray cluster: a process for Ray's driver, and what is said to it."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from facegen.cluster.driver import LOCAL, split_address, unreachable
from facegen.cluster.jobs import Arrays, Job
from facegen.errors import FacegenError
from facegen.signals import undisturbed

BLOCK_ROWS = 256  # a quarter of a second of one core's work: 100 times what Ray adds to it
REACH_SECONDS = 4.5  # in which an address must answer, a name be found included
CONNECT_SECONDS = 60.0  # in which Ray must be there
LEAVE_SECONDS = 5.0  # that a driver has to leave its cluster


class Cluster:
    """A cluster that is connected; `connect` makes one.

    Attributes:
        address: HOST:PORT, or "local".
        threads: of each worker.
    """

    def __init__(self, address: str, threads: int, connection: Connection):
        self.address = address
        self.threads = threads
        self._connection = connection
        if address != LOCAL and not connection.poll(REACH_SECONDS):
            raise unreachable(address, f"for {REACH_SECONDS:g} s")
        self._receive()
        if not connection.poll(CONNECT_SECONDS):
            raise FacegenError(f"what answers at {address} is no Ray cluster that can be used now")
        self._window: int = self._receive()

    def run(self, job: Job, blocks: Iterable[Any]) -> Generator[Arrays, None, None]:
        """Yields what each block gives, in order; a few are under way or in memory at a time.

        What a worker or a node takes with it when it is lost is computed again.

        Raises:
            FacegenError: the cluster is lost, or can't do it.
        """
        self._send(job)
        waiting, under_way = iter(blocks), 0
        ended = False
        while not ended or under_way:
            while not ended and under_way < self._window:
                block = next(waiting, None)
                ended = block is None
                under_way += not ended
                self._send(block)
            if under_way:
                result = self._receive()
                under_way -= 1
                yield result

    def _send(self, message: Any) -> None:
        try:
            self._connection.send(message)
        except OSError:  # it left; what it said last is to be read
            self._receive()
            raise self._lost() from None

    def _receive(self) -> Any:
        try:
            answer = self._connection.recv()
        except (EOFError, OSError) as error:
            raise self._lost() from error
        if isinstance(answer, FacegenError):
            raise answer
        return answer

    def _lost(self) -> FacegenError:
        return FacegenError(
            f"the Ray cluster at {self.address} is lost: its head node or this machine's ended"
        )


@contextmanager
def connect(address: str, *, threads: int = 1) -> Iterator[Cluster]:
    """Connects to a cluster for the while; in the end its work for us stops, done or not.

    Args:
        address: HOST:PORT of the head node; "local" starts a cluster on this machine.
        threads: of each worker.

    Raises:
        InputError: the address is none.
        FacegenError: Ray is not installed, the address doesn't answer within 5 s, or what answers
            can't be used.
    """
    if importlib.util.find_spec("ray") is None:
        raise FacegenError("Ray is not installed: pip install 'facegen[ray]'")
    if address != LOCAL:
        split_address(address)
    ours, theirs = socket.socketpair()
    connection = Connection(ours.detach())
    try:
        with theirs:
            driver = _start(address, threads, theirs.fileno())
        try:
            yield Cluster(address, threads, connection)
        finally:
            _leave(driver, connection)
    finally:
        connection.close()


def _start(address: str, threads: int, descriptor: int) -> subprocess.Popen[bytes]:
    """Starts the driver, out of reach of the terminal's signals; it imports what this process can.

    So do the workers of a local cluster, which inherit its PYTHONPATH.
    """
    arguments = [address, str(threads), str(descriptor)]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "facegen.cluster.driver", *arguments],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "RAY_USAGE_STATS_ENABLED": "0",  # Ray would report to its makers
            "RAY_gcs_server_request_timeout_seconds": "20",  # to find that this is no node
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[descriptor],
        start_new_session=True,
    )


@undisturbed
def _leave(driver: subprocess.Popen[bytes], connection: Connection) -> None:
    """Has the driver end; Ray stops the work of one that is killed, too."""
    connection.close()
    try:
        driver.wait(LEAVE_SECONDS)
    except subprocess.TimeoutExpired:
        driver.kill()
        driver.wait()
