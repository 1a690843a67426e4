"""What TensorFlow may use: set before it touches a device (article X)."""

from __future__ import annotations

import os
import re
from pathlib import Path


def available_cpus() -> int:
    """Processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def computes_bfloat16() -> bool | None:
    """Whether the processor multiplies bfloat16 (AVX512-BF16, AMX, ARM's BF16); None: not known."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return None
    flags = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    if flags is None:
        return None
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags[1].split())
