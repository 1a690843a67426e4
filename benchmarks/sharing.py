"""One codec for several threads: what its locks cost a single one, and what eight get from it.

Single points to uint8 pixels, with the plain decoder. Target: a lock costs a single thread at most
2 % of its rate. Eight threads take turns, and Python's own lock with every call.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from typing import Any

import measure
import numpy as np
from measure import ratio, summary

SHARERS = 8


def main() -> None:
    parser = measure.arguments(__doc__, repeats=15)
    parser.add_argument("--weights", help="by default the model that comes with facegen")
    parser.add_argument("--faces", type=int, default=256, help="a round (%(default)s)")
    parser.add_argument("--threads", type=int, default=measure.cpus(), help="(%(default)s)")
    options = parser.parse_args()
    from facegen.io.weights import Weights
    from facegen.model.codec import Codec

    weights = Weights.load(options.weights)
    z = np.random.default_rng(0).standard_normal((options.faces, weights.model.latent_dim))
    z = z.astype(np.float32)
    codec, unlocked = (Codec(weights, decoder="plain", threads=options.threads) for _ in range(2))
    for each in (codec, unlocked):
        each.decode(z[:1])
    graph: Any = next(iter(unlocked._graphs.values()))
    graph._lock = nullcontext()

    def one_by_one(some: Codec) -> float:
        return len(z) / measure.seconds(lambda: [some.decode(point[None]) for point in z])

    def shared(pool: ThreadPoolExecutor) -> float:
        work = partial(pool.map, lambda point: codec.decode(point[None]))
        return len(z) / measure.seconds(lambda: list(work(z)))

    measure.announce_timing()
    with ThreadPoolExecutor(SHARERS) as pool:
        rates = measure.interleave(
            {
                "with a lock": partial(one_by_one, codec),
                "without": partial(one_by_one, unlocked),
                f"{SHARERS} threads": partial(shared, pool),
            },
            repeats=options.repeats,
        )
    rows = [(name, summary(values), "faces/s") for name, values in rates.items()]
    rows += [
        ("with a lock / without", ratio(rates, "with a lock", "without"), "target >= 0.98"),
        (f"{SHARERS} threads / one", ratio(rates, f"{SHARERS} threads", "with a lock"), ""),
    ]
    about = measure.machine("ai-edge-litert", "numpy") | {"threads": options.threads}
    measure.report("One codec for several threads", rows, about, as_json=options.json)


if __name__ == "__main__":
    main()
