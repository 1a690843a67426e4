"""python examples/kill_update.py [--kills 200]: kills updates at random moments.

Night by night a few photos come into a folder, now and then one is forgotten, and a process makes
faces.h5 and latents.h5 follow. It is killed (SIGKILL) at random moments and started again until it
ends by itself. After every kill both files must be readable, faces.h5 one of the two states, and
latents.h5 complete and true: each face and each point is the one of its name, and no row is lost.
In the end the store must be what a fresh run gives, and nothing else may be left in the folder.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from facegen import FaceSet, Latents, encode, prepare
from facegen.api import encode as encoding
from facegen.io.weights import Weights

SEED = 5
encoding.BATCH = 2  # so that kills find more to break


class HarmError(Exception):
    """A kill did harm."""


def add_photo(folder: Path, number: int) -> str:
    name = f"{number:05}.png"
    noise = np.random.default_rng(number).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(noise).save(folder / name)
    return name


def job(size: int, forget: str | None) -> None:
    """What is killed: forgetting, preparing, encoding."""
    if forget and forget in read_faces()[0]:
        prepare((), "faces.h5", forget=[forget])
    prepare("photos", "faces.h5", size=size, update=True, workers=1)
    encode("faces.h5", "latents.h5", seed=SEED, update=True, flush_seconds=0)


def start(size: int, forget: str | None) -> int:
    """Runs the job in a process of its own; returns its number."""
    child = os.fork()
    if child:
        return child
    try:
        job(size, forget)
    except BaseException as error:
        print(f"the job failed: {error!r}", file=sys.stderr)
        os._exit(1)
    os._exit(0)


def wait(child: int, seconds: float) -> bool:
    """Kills the job after some time; True if it was done before."""
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)  # a zombie, if it has ended: nobody has waited for it
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code > 0:
        raise HarmError(f"the job ended with exit code {code}")
    return code == 0


def read_faces() -> tuple[list[str], np.ndarray]:
    with FaceSet.open("faces.h5") as faces:
        return faces.read_names(faces.rows()), faces.read(faces.rows())


def check_faces(states: list[list[str]], pixels: dict[str, np.ndarray]) -> None:
    """The face set is in one of its states, and each face is the one of its name."""
    names, images = read_faces()
    if names not in states:
        raise HarmError(f"faces.h5 has rows of no state: {names}")
    for name, image in zip(names, images, strict=True):
        if not np.array_equal(pixels.setdefault(name, image), image):
            raise HarmError(f"the face of {name} has changed")


def check_store(states: list[list[str]], mu: dict[str, np.ndarray]) -> None:
    """The store is in one of its states, complete, and each point is the one of its name."""
    with Latents.open("latents.h5") as store:
        names, points = store.read_names(slice(None)), store.read(range(len(store)), "mu")
        if names not in states or not store.complete:
            raise HarmError(f"latents.h5 has {len(store)} of {len(names)} rows, of no state")
    for name, point in zip(names, points, strict=True):
        if not np.array_equal(mu.setdefault(name, point), point):
            raise HarmError(f"the point of {name} has changed")


def check_end(weights: Path, size: int) -> None:
    """Both files are what fresh runs give, and nothing else is left."""
    # Killed before its number was in it, a lock file stays, empty: it may be the user's own.
    locks = (path for path in Path().glob(".*.lock") if path.stat().st_size == 0)
    left = sorted({path.name for path in Path().iterdir()} - {path.name for path in locks})
    if left != ["faces.h5", "latents.h5", "photos"]:
        raise HarmError(f"left behind: {', '.join(left)}")
    encode("faces.h5", "fresh.h5", seed=SEED, weights=weights)
    with Latents.open("latents.h5") as store, Latents.open("fresh.h5") as fresh:
        for name, data in fresh.file.items():
            if not np.array_equal(store.file[name][()], data[()]):
                raise HarmError(f"{name} of latents.h5 is not what a fresh run gives")


def run(weights: Path, kills: int, chance: random.Random) -> str:
    """Night by night, until the job was killed as often as is asked for."""
    size = Weights.load(weights).model.image_size
    Path("photos").mkdir()
    names, number = [add_photo(Path("photos"), i) for i in range(40)], 40
    begin = time.monotonic()
    if not wait_for(start(size, None)):
        raise HarmError("the unbroken run failed")
    longest = 1.2 * (time.monotonic() - begin)
    states, killed, nights = [names], 0, 0
    pixels: dict[str, np.ndarray] = {}
    mu: dict[str, np.ndarray] = {}
    while killed < kills:
        nights += 1
        forget = chance.choice(names) if nights % 4 == 0 else None
        kept = [name for name in names if name != forget]
        new = [add_photo(Path("photos"), number + i) for i in range(chance.randint(1, 3))]
        number += len(new)
        states, names = [names, kept, [*kept, *new]], [*kept, *new]
        while not wait(start(size, forget), chance.uniform(0, longest)):
            killed += 1
            check_faces(states, pixels)
            check_store(states, mu)
        check_faces(states[2:], pixels)
        check_store(states[2:], mu)
    check_end(weights, size)
    return f"{killed} kills in {nights} nights, {len(names)} faces in the end, no harm"


def wait_for(child: int) -> bool:
    return os.waitpid(child, 0)[1] == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--weights", help="by default the model that comes with facegen")
    options = parser.parse_args()
    weights = Weights.load(options.weights).path.resolve()
    os.environ["FACEGEN_WEIGHTS"] = str(weights)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            print(run(weights, options.kills, random.Random(options.seed)))
        except HarmError as harm:
            print(f"harm: {harm}", file=sys.stderr)
            return 1
        finally:
            os.chdir("/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
