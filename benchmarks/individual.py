"""individual: single pictures into one folder, `generate --individual`, which must be linear.

The processor's time for a face among 1,000 and among 10,000, once they are decoded: the faces are
noise. The folder is in memory where there is /dev/shm; neither a disk nor what else runs counts.
"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, cast

import measure
from measure import summary

MEMORY = Path("/dev/shm")
COUNTS = (1_000, 10_000)


class Noise:
    """In a Generation's place: what `generate_individual` asks of one."""

    def __init__(self) -> None:
        import numpy as np

        self.pixels = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)

    def provenance(self, rows: list[int]) -> dict[str, Any]:
        return {"command": "generate", "rows": str(rows[0])}

    def batches(self, rows: list[int]) -> Any:
        for row in rows:
            yield [row], [self.pixels]


def milliseconds_a_face(count: int) -> float:
    """Writes so many pictures; milliseconds of the processor for one."""
    from facegen.api.generation import Generation, generate_individual

    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        start = time.process_time()
        generate_individual(cast(Generation, Noise()), range(count), folder)
        return 1000 * (time.process_time() - start) / count


def main() -> None:
    options = measure.arguments(__doc__, repeats=3).parse_args()
    milliseconds_a_face(100)
    measure.announce_timing()
    results = measure.interleave(
        {str(count): partial(milliseconds_a_face, count) for count in COUNTS},
        repeats=options.repeats,
    )
    rows = [(f"{count:,} pictures", summary(results[str(count)]), "ms a face") for count in COUNTS]
    few, many = map(str, COUNTS)
    rows.append(("large / small", measure.ratio(results, many, few), "target <= 1.1"))
    measure.report("individual", rows, measure.machine("pillow", "numpy"), as_json=options.json)


if __name__ == "__main__":
    main()
