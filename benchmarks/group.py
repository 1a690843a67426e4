"""clusters and t-SNE: seconds of `facegen analyze`'s slow methods, and of the alternative.

Clusters: 2, 4, ..., 80 of 170,000 points (the articles' number) of 256 coordinates. t-SNE: 20,000
points, by scikit-learn and by openTSNE where it is installed. The points are made up, unless a
store is named. Each is run once: they take minutes.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path

import measure
from analyze import make_store
from measure import summary


def measure_clusters(path: Path, rows: int) -> float:
    """Seconds of 2, 4, ..., 80 clusters."""
    from facegen.api.analyze_clusters import analyze_clusters

    return measure.seconds(partial(analyze_clusters, path, count=rows))


def measure_tsne(path: Path, rows: int, threads: int) -> dict[str, float]:
    """Seconds of t-SNE by each engine that is installed."""
    from facegen.analysis.embedding import choose_engine
    from facegen.api.analyze_tsne import analyze_tsne

    run = partial(analyze_tsne, path, count=rows, threads=threads)
    engines = dict.fromkeys([choose_engine(), "sklearn"])
    return {engine: measure.seconds(partial(run, engine=engine)) for engine in engines}


def main() -> None:
    parser = measure.arguments(__doc__, repeats=1)
    parser.add_argument("--cluster-rows", type=int, default=170_000, help="(%(default)s)")
    parser.add_argument("--tsne-rows", type=int, default=20_000, help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=measure.cpus(), help="(%(default)s)")
    parser.add_argument("--latents", type=Path, help="a store of so many rows")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="facegen-benchmark-"))
    try:
        path = options.latents or make_store(options.cluster_rows, folder)
        measure.announce_timing()
        clusters = measure_clusters(path, options.cluster_rows)
        times = measure_tsne(path, options.tsne_rows, options.threads)
    finally:
        shutil.rmtree(folder)
    rows = [(f"2, 4, ..., 80 clusters, {options.cluster_rows} rows", summary([clusters]), "s")]
    for engine, seconds in times.items():
        rows.append((f"t-SNE, {options.tsne_rows} points, {engine}", summary([seconds]), "s"))
    about = measure.machine("scikit-learn", "openTSNE") | {"threads": options.threads}
    measure.report("clusters and t-SNE", rows, about, as_json=options.json)


if __name__ == "__main__":
    main()
