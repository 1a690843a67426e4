"""What TensorFlow may use: set before it touches a device (article X)."""

from __future__ import annotations

import os


def available_cpus() -> int:
    """Processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
