"""python tests/source_distribution.py FACEGEN.tar.gz: does it hold what the repository holds?

Files that are tracked and missing there, and files that are there and not tracked, are named; then
the exit code is 1.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import PurePosixPath

MADE = ("PKG-INFO", "facegen.egg-info/")  # by setuptools


def files_in(archive: str) -> set[str]:
    """The names of its files, without the folder that all are in."""
    with tarfile.open(archive) as tar:
        names = (PurePosixPath(member.name) for member in tar if not member.isdir())
        found = {str(PurePosixPath(*name.parts[1:])) for name in names}
    return {name for name in found if not name.startswith(MADE)}


def main(archive: str) -> int:
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True, text=True)
    tracked = set(filter(None, listed.stdout.split("\0")))
    packed = files_in(archive)
    for name in sorted(tracked - packed):
        print(f"{name} is missing in {archive}; MANIFEST.in should name it", file=sys.stderr)
    for name in sorted(packed - tracked):
        print(f"{name} is in {archive} and not in the repository", file=sys.stderr)
    return 0 if tracked == packed else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
