"""Worker processes of a library call, however they are started."""

from __future__ import annotations

from pathlib import Path

import pytest

from running import run_python

HOST = """
import multiprocessing, sys
from pathlib import Path
import facegen

{guard}
    multiprocessing.set_start_method("{method}", force=True)
    try:
        print(facegen.prepare(["photos"], "faces.h5", size=32, workers=2).count)
    except facegen.FacegenError as error:
        print(type(error).__name__, error)
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_script_without_a_main_guard_is_told_so(method: str, photos: Path):
    """Its workers begin with the script, thus with prepare, thus with workers ..."""
    Path("host.py").write_text(HOST.format(guard="if True:", method=method))
    done = run_python("host.py")
    reason = (
        "no worker process could start: each imports the script that began all; put what the "
        "script does under if __name__ == '__main__':, or give workers=1"
    )
    assert (done.stdout, done.stderr) == (f"FacegenError {reason}\n", "")
    assert sorted(path.name for path in Path().iterdir()) == ["host.py", "photos"]


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_a_script_with_a_main_guard_works_with_every_way_to_start(method: str, photos: Path):
    Path("host.py").write_text(HOST.format(guard="if __name__ == '__main__':", method=method))
    done = run_python("host.py")
    assert (done.stdout, done.stderr) == ("2\n", "")


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_a_worker_that_was_killed_at_work_is_no_matter_of_the_guard(method: str, photos: Path):
    host = HOST.format(guard="if __name__ == '__main__':", method=method)
    kill = (
        "import os, facegen.api.prepare_photos, facegen.api.prepare\n"
        "facegen.api.prepare_photos.load_photo = lambda *data, **options: os._exit(9)\n"
    )
    Path("host.py").write_text(kill + host)
    done = run_python("host.py")
    assert done.stdout.startswith("FacegenError a worker process was killed, perhaps for want of ")
