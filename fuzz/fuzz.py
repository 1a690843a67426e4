"""python fuzz/fuzz.py TARGET [libFuzzer's options]: feeds one of facegen's readers damaged input.

Needs atheris: pip install -e '.[fuzz]'. Whatever is no FacegenError, and a crash inside Pillow or
HDF5, is a finding; libFuzzer then writes the input into the current folder. The coverage that
guides it is that of Python code, facegen's and Pillow's: C code has none.

    python fuzz/fuzz.py picture -max_total_time=60 fuzz/seeds/picture
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["facegen", "PIL", "h5py", "readers"]):
    from readers import check


def main() -> None:
    target = sys.argv.pop(1)
    atheris.Setup(sys.argv, lambda data: check(target, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
