"""Decoding in bulk, points to uint8 pixels: facegen, LiteRT as it comes, Keras, PyTorch.

All have the plain decoder's weights, but for facegen's crisp decoder.

Targets: at least 1.0 of PyTorch (eager) and 1.5 of Keras predict, with the same threads.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import measure
import numpy as np
from decode_variants import VARIANTS
from measure import ratio, summary

SCRIPT = Path(__file__).with_name("decode_variants.py")


def matrix_product_rate() -> float:
    """GFLOP/s of NumPy's float32 matrix product, 2048 x 2048, the best of five."""
    a = np.random.default_rng(0).random((2048, 2048), np.float32)
    return 2 * 2048**3 / min(measure.seconds(lambda: a @ a) for _ in range(5)) / 1e9


def decoder_gflop(options) -> float:
    """Floating-point operations of one face's dense layer and transposed convolutions."""
    size, filters = options.smallest_size, (options.channels, *options.filters)
    products = options.latent_dim * size * size * filters[-1]
    for i in reversed(range(len(options.filters))):
        products += size**2 * filters[i] * filters[i + 1] * options.kernels[i] ** 2
        size *= options.strides[i]
    return 2 * products / 1e9


def main() -> None:
    parser = measure.arguments(__doc__, repeats=5)
    parser.add_argument("--weights", type=Path, help="by default the model that comes with facegen")
    parser.add_argument("--images", type=int, default=512, help="a round (%(default)s)")
    parser.add_argument("--threads", type=int, default=measure.cpus(), help="(%(default)s)")
    options = parser.parse_args()
    from facegen.io.weights import Weights

    weights = Weights.load(options.weights)
    workers, faces = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for i, name in enumerate(VARIANTS):
            path = Path(folder) / f"{i}.npy"
            arguments = (name, str(options.threads), str(options.images))
            workers[name] = measure.Worker(SCRIPT, *arguments, str(weights.path), str(path))
            faces[name] = np.load(path).astype(int)
    measure.announce_timing()
    functions: dict[str, Callable[[], float]] = {
        name: partial(worker.rate, options.images) for name, worker in workers.items()
    }
    functions["matrix product"] = matrix_product_rate
    rates = measure.interleave(functions, repeats=options.repeats)
    for worker in workers.values():
        worker.close()
    gflop = decoder_gflop(weights.model)
    rates["bare limit"] = [rate / gflop for rate in rates["matrix product"]]
    rates["PyTorch, the better"] = [
        max(pair) for pair in zip(rates["PyTorch"], rates["PyTorch channels_last"], strict=True)
    ]
    rows = [(name, summary(rates[name]), "images/s") for name in workers]
    rows += [
        ("matrix product, float32", summary(rates["matrix product"]), "GFLOP/s"),
        (f"bare limit ({1000 * gflop:.0f} MFLOP/image)", summary(rates["bare limit"]), "images/s"),
        (
            "facegen / PyTorch, the better",
            ratio(rates, "facegen", "PyTorch, the better"),
            "target >= 1.0",
        ),
        ("facegen / Keras predict", ratio(rates, "facegen", "Keras predict"), "target >= 1.5"),
        (
            "facegen / LiteRT, stock",
            ratio(rates, "facegen", "LiteRT, stock transposed convolution"),
            "",
        ),
        ("facegen / bare limit", ratio(rates, "facegen", "bare limit"), ""),
        (
            "plain decoder / crisp decoder",
            ratio(rates, "facegen", "facegen, crisp decoder"),
            "target <= 3",
        ),
    ]
    for name in list(VARIANTS)[2:]:
        difference = abs(faces[name] - faces["facegen"]).max()
        rows.append((f"largest difference, {name}", summary([float(difference)]), "of 255"))
    about = measure.machine("tensorflow", "keras", "ai-edge-litert", "torch", "numpy")
    about |= {"threads": options.threads, "images": options.images}
    measure.report("Decoding in bulk", rows, about, as_json=options.json)


if __name__ == "__main__":
    main()
