"""A training step of the articles' network, 96 x 96, batch 128: facegen, Keras, PyTorch.

Targets: at least 1.9 of stock Keras 3 and 1.0 of PyTorch (eager), with the same threads.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import measure
from measure import ratio, summary
from train_step_variants import VARIANTS

SCRIPT = Path(__file__).with_name("train_step_variants.py")


def main() -> None:
    parser = measure.arguments(__doc__, repeats=5)
    parser.add_argument("--steps", type=int, default=4, help="a round (%(default)s)")
    parser.add_argument("--batch-size", type=int, default=128, help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=measure.cpus(), help="(%(default)s)")
    options = parser.parse_args()
    workers = {
        name: measure.Worker(SCRIPT, name, str(options.threads), str(options.batch_size))
        for name in VARIANTS
    }
    images = options.steps * options.batch_size
    measure.announce_timing()
    rates = measure.interleave(
        {name: partial(worker.rate, images, options.steps) for name, worker in workers.items()},
        repeats=options.repeats,
    )
    for worker in workers.values():
        worker.close()
    rates["PyTorch, the best"] = [
        max(each)
        for each in zip(*(r for name, r in rates.items() if "PyTorch" in name), strict=True)
    ]
    rows = [(name, summary(rates[name]), "images/s") for name in workers]
    rows += [
        (f"{name} / {other}", ratio(rates, name, other), target)
        for name, other, target in (
            ("facegen", "stock Keras, compile and fit", "target >= 1.9"),
            ("facegen", "stock Keras, tf.function", ""),
            ("facegen", "PyTorch, the best", "target >= 1.0"),
            ("facegen bfloat16", "facegen", ""),
            ("facegen upsampling", "facegen", ""),
        )
    ]
    about = measure.machine("tensorflow", "keras", "torch", "numpy")
    about |= {"threads": options.threads, "batch": options.batch_size}
    measure.report("Training step", rows, about, as_json=options.json)


if __name__ == "__main__":
    main()
