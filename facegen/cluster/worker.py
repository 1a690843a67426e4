"""On the cluster: a worker, which keeps its job from one block to the next."""

from __future__ import annotations

import platform
from typing import Any

from facegen.cluster.jobs import Arrays, Job
from facegen.errors import FacegenError
from facegen.version import __version__

_jobs: dict[Any, Job] = {}  # a worker process serves one command, which has one job


def run_block(version: str, job: list[Any], block: Any) -> Arrays | None:
    """Runs a block.

    Args:
        version: of the command's facegen.
        job: a list of the reference to the job, which Ray would fetch anew each time if it came
            by itself.
        block: as the job takes it.
    """
    if version != __version__:
        raise FacegenError(
            f"{platform.node()} of the cluster has facegen {__version__}, this machine {version}; "
            "install the same on both"
        )
    (reference,) = job
    if reference not in _jobs:
        import ray

        _jobs[reference] = ray.get(reference)
    return _jobs[reference].run(block)
