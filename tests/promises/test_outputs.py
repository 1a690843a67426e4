"""An output appears whole or not at all; nothing that exists is overwritten without --force."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from facegen.api.encode import encode
from facegen.api.fit import fit
from facegen.errors import OutputError
from facegen.images.sheets import save_png
from facegen.io.face_set import FaceSet
from facegen.io.face_set_writer import FaceSetWriter
from facegen.io.files import atomic_output
from facegen.io.latent_store import Latents
from facegen.io.latent_writer import LatentsWriter
from running import facegen, python_environment
from toys import draw_photo

LEFTOVER = ".facegen-0123456789abcdef.tmp"
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def write(path: Path, text: str, **options: bool) -> None:
    with atomic_output(path, **options) as temporary:
        temporary.write_text(text)


def temporary_in(folder: Path) -> Path:
    """The one hidden file in a folder."""
    (found,) = [path for path in folder.iterdir() if path.name.startswith(".")]
    return found


def write_faces(path: Path, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Writes a face set of noise, with something that happens while it is open."""
    images = np.random.default_rng(0).integers(0, 256, (7, 16, 16, 3), dtype=np.uint8)
    with FaceSetWriter(path, size=16, source="noise", crop="none", force=True) as writer:
        writer.append(images, [f"{i}.png" for i in range(7)])
        meanwhile()


# A temporary that is gone


def swap(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


@pytest.mark.parametrize("old", [None, b"old"])
@pytest.mark.parametrize("meddle", [Path.unlink, partial(swap, content=bytes(5000))])
def test_where_the_temporary_is_gone_nothing_is_published(
    tmp_path: Path, old: bytes | None, meddle: Callable[[Path], object]
):
    path = tmp_path / "faces.h5"
    if old is not None:
        path.write_bytes(old)
    with pytest.raises(OutputError, match=r"faces.h5 is not written: another program has removed"):
        write_faces(path, lambda: meddle(temporary_in(tmp_path)))
    assert (path.read_bytes() if path.exists() else None) == old


def test_what_was_put_in_place_of_a_temporary_stays(tmp_path: Path):
    with pytest.raises(OutputError):
        write_faces(tmp_path / "faces.h5", lambda: swap(temporary_in(tmp_path), b"somebody's"))
    assert temporary_in(tmp_path).read_bytes() == b"somebody's"


def test_a_planted_link_is_not_written_through(tmp_path: Path):
    """The name of a temporary was that of the output and the number of the process."""
    (tmp_path / "precious").write_text("precious")
    (tmp_path / f".a.png.{os.getpid()}.tmp").symlink_to("precious")
    save_png(draw_photo(8, 8), tmp_path / "a.png", {})
    assert (tmp_path / "precious").read_text() == "precious"


def test_two_runs_with_one_process_number_each_have_a_temporary_of_their_own(tmp_path: Path):
    """As in two containers, where both are process 1."""
    path = tmp_path / "out.txt"
    with atomic_output(path) as one:
        with atomic_output(path) as other:
            one.write_text("one")
            other.write_text("the other")
        assert path.read_text() == "the other"
    assert path.read_text() == "one"
    assert os.listdir(tmp_path) == ["out.txt"]


FAR_AWAY = """
import sys
from facegen.io.files import atomic_output
with atomic_output(sys.argv[1]) as temporary:
    temporary.write_text("from far away")
"""


@AS_ROOT
def test_a_run_in_another_pid_namespace_does_not_take_ours_for_dead(tmp_path: Path):
    def meanwhile() -> None:
        unshare = ["unshare", "--pid", "--fork", "--mount-proc"]
        command = [*unshare, sys.executable, "-c", FAR_AWAY, str(tmp_path / "faces.h5")]
        done = subprocess.run(command, env=python_environment(), capture_output=True, text=True)
        if "unshare" in done.stderr:
            pytest.skip(done.stderr)
        assert done.returncode == 0, done.stderr

    write_faces(tmp_path / "faces.h5", meanwhile)
    with FaceSet.open(tmp_path / "faces.h5") as faces:
        assert len(faces) == 7
    assert os.listdir(tmp_path) == ["faces.h5"]


# Without --force


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path):
    path = tmp_path / "out.txt"

    def run() -> None:
        with atomic_output(path, force=False) as temporary:
            temporary.write_text("ours")
            path.write_text("theirs")

    with pytest.raises(OutputError, match="exists already; choose another name or add --force"):
        run()
    assert path.read_text() == "theirs"
    assert os.listdir(tmp_path) == ["out.txt"]


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_hard_links_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
):
    def link(*arguments: object, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)
    test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path)
    write(tmp_path / "other.txt", "first", force=False)
    assert (tmp_path / "other.txt").read_text() == "first"
    assert sorted(os.listdir(tmp_path)) == ["other.txt", "out.txt"]


def test_single_pictures_are_not_overwritten(work: Path):
    folder = work / "singles"
    folder.mkdir()
    (folder / "face-1.png").write_bytes(b"precious")
    arguments = ("generate", "--n", 2, "--seed", 1, "--individual", folder)
    refused = facegen(*arguments)
    assert "face-1.png exists already; choose another folder or add --force" in str(
        refused.exception
    )
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "face-1.png": b"precious"
    }
    assert facegen(*arguments, "--force").exit_code == 0
    with Image.open(folder / "face-1.png") as image:
        assert image.size == (32, 32)


def test_a_folder_is_looked_through_once_for_many_pictures(
    work: Path, monkeypatch: pytest.MonkeyPatch
):
    scanned = []
    scandir = os.scandir

    def count(path: str | os.PathLike = ".") -> Iterator[os.DirEntry]:
        scanned.append(os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", count)
    folder = work / "many"
    assert facegen("generate", "--n", 30, "--seed", 1, "--individual", folder).exit_code == 0
    assert len(list(folder.iterdir())) == 30
    assert scanned.count(str(folder)) <= 2  # one of them is iterdir's


def test_a_plot_is_not_overwritten(work: Path):
    before = (work / "faces.h5").read_bytes()
    (work / "plot.png").write_bytes(b"precious")
    for plot in ("plot.png", "faces.h5"):
        refused = facegen("evaluate", "faces.h5", "--n", 10, "--plot", plot)
        assert refused.exit_code == 1
        assert f"{plot} " in str(refused.exception)
    refused = facegen("evaluate", "faces.h5", "--n", 10, "--plot", "faces.h5", "--force")
    assert "faces.h5 is the input; choose another output" in str(refused.exception)
    assert (work / "plot.png").read_bytes() == b"precious"
    assert (work / "faces.h5").read_bytes() == before


# An output that is an input

SAME = {
    "fit": ("latents.h5", "fit {input} -o {output}"),
    "mixture": ("latents.h5", "fit {input} --kind mixture --components 1 -o {output}"),
    "attributes": ("latents.h5", "attributes {input} -o {output}"),
    "components": ("latents.h5", "attributes {input} --unsupervised -o {output}"),
    "export": ("latents.h5", "export {input} --npy -o {output}"),
    "csv": ("latents.h5", "export {input} --csv -o {output}"),
    "sqlite": ("latents.h5", "export {input} --sqlite -o {output}"),
    "encode": ("faces.h5", "encode {input} -o {output}"),
    "stored": ("latents.h5", "generate --latents {input} --rows 1 -o {output}"),
    "sampler": ("sampler.h5", "generate --n 2 --sampler {input} -o {output}"),
    "nearest": ("latents.h5", "generate --n 2 --nearest {input} -o {output}"),
    "radius": ("latents.h5", "analyze radius {input} -o {output}"),
    "coordinates": ("latents.h5", "analyze coordinates {input} -o {output}"),
    "pca": ("latents.h5", "analyze pca {input} -o {output}"),
    "neighbours": ("latents.h5", "analyze neighbours {input} --n 1 -o {output}"),
    "clusters": ("latents.h5", "analyze clusters {input} --clusters 2 -o {output}"),
    "reconstruct": ("faces.h5", "reconstruct {input} --n 2 -o {output}"),
    "photo": ("photo.png", "reconstruct {input} -o {output}"),
    "folder": ("photo.png", "reconstruct folder -o {output}"),
    "edit": (
        "photo.png",
        "edit {input} --attribute Smiling=1 --attributes attributes.h5 -o {output}",
    ),
    "directions": (
        "attributes.h5",
        "edit photo.png --attribute Smiling=1 --attributes {input} -o {output}",
    ),
    "morph": ("photo.png", "morph {input} seed:1 --steps 2 -o {output}"),
    "sharpen": ("photo.png", "sharpen {input} --sharpen 3 -o {output}"),
    "prepare": ("photo.png", "prepare {input} --size 16 --workers 1 -o {output}"),
    "prepared": ("photo.png", "prepare folder --size 16 --workers 1 -o {output}"),
    "identities": ("people", "prepare photo.png --identities {input} --workers 1 -o {output}"),
    "archive": ("photos.zip", "prepare {input} --size 16 --workers 1 -o {output}"),
    "evaluate": ("faces.h5", "evaluate {input} --n 10 -o {output}"),
    "reproduce": ("latents.h5", "reproduce sampler.h5 -o {output}"),
    "merge": ("part-1.h5", "merge {input} part-2.h5 -o {output}"),
}


def linked(path: Path, how: str, suffix: str) -> Path:
    """Another name of a file, or the same."""
    other = path if how == "same" else path.with_name(f"output{suffix}")
    if how == "link":
        other.symlink_to(path.name)
    elif how == "hard link":
        other.hardlink_to(path)
    return other


PICTURES = ("analyze", "reconstruct", "edit", "morph", "nearest", "sharpen")


@pytest.mark.parametrize("how", ["same", "link", "hard link"])
@pytest.mark.parametrize("name", SAME)
def test_an_output_that_is_an_input_is_refused_even_with_force(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, how: str
):
    given, command = SAME[name]
    shutil.copytree(work, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people").write_text("photo.png 1\n")
    shutil.make_archive("photos", "zip", tmp_path, "photo.png")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "photo.png").hardlink_to(tmp_path / "photo.png")
    suffix = ".png" if any(word in command for word in PICTURES) else ".h5"
    output = linked(Path(given), how, suffix)
    before = Path(given).read_bytes()
    done = facegen(*command.format(input=given, output=output).split(), "--force")
    assert done.exit_code in (1, 2)
    if output.suffix == suffix:  # else it may be refused for that
        assert f"{output} is the input; choose another output" in str(done.exception), done.output
    assert Path(given).read_bytes() == before
    assert os.path.samefile(given, output)


def test_a_program_may_read_a_file_and_later_write_it_anew(work: Path, toy_weights: Path, tmp_path):
    path = tmp_path / "latents.h5"
    encode([work / "faces.h5"], path, weights=toy_weights, seed=1)
    fit(path, tmp_path / "sampler.h5")
    encode([work / "faces.h5"], path, weights=toy_weights, seed=2, force=True)
    with Latents.open(path) as store:
        assert store.origin.seed == 2
    fit(path, tmp_path / "sampler.h5", force=True)


def test_as_functions_they_refuse_it_too(work: Path, tmp_path: Path):
    path = tmp_path / "latents.h5"
    shutil.copy(work / "latents.h5", path)
    with pytest.raises(OutputError, match="is the input"):
        fit(path, path, force=True)
    assert path.read_bytes() == (work / "latents.h5").read_bytes()


# Disk space


def refuse_to_reserve(monkeypatch: pytest.MonkeyPatch, number: int | None) -> None:
    def reserve(descriptor: int, start: int, size: int) -> None:
        assert number is not None
        raise OSError(number, os.strerror(number))

    if number is None:
        monkeypatch.delattr(os, "posix_fallocate")
    else:
        monkeypatch.setattr(os, "posix_fallocate", reserve)


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF, None])
def test_a_file_system_that_reserves_nothing_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int | None
):
    write_faces(tmp_path / "expected.h5")
    refuse_to_reserve(monkeypatch, number)
    write_faces(tmp_path / "faces.h5")
    with h5py.File(tmp_path / "faces.h5") as found, h5py.File(tmp_path / "expected.h5") as expected:
        np.testing.assert_array_equal(found["images"], expected["images"])
    sizes = {path.stat().st_size for path in tmp_path.iterdir()}
    assert len(sizes) == 1


def test_a_full_disk_is_found_out_there_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def write_nothing(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    refuse_to_reserve(monkeypatch, errno.EOPNOTSUPP)
    monkeypatch.setattr(os, "write", write_nothing)
    with pytest.raises(OutputError, match=r"cannot write .*faces.h5: No space left on device"):
        write_faces(tmp_path / "faces.h5")
    assert os.listdir(tmp_path) == []


@pytest.fixture
def ext2(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system that can't reserve space, of 16 MB."""
    image, folder = tmp_path / "image", tmp_path / "ext2"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    for command in (
        ["mkfs.ext2", "-q", "-F", str(image)],
        ["mount", "-o", "loop", str(image), str(folder)],
    ):
        with suppress(FileNotFoundError):
            if subprocess.run(command, capture_output=True).returncode == 0:
                continue
        pytest.skip(f"no {command[0]} here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@AS_ROOT
def test_ext2_will_do_and_its_full_disk_is_found_out(
    ext2: Path, toy_faces: Path, toy_weights: Path
):
    write_faces(ext2 / "faces.h5")
    encode([toy_faces], ext2 / "latents.h5", weights=toy_weights, seed=5)
    with Latents.open(ext2 / "latents.h5") as store:
        assert store.complete
    with pytest.raises(OutputError, match="No space left on device"):
        fill(ext2 / "large.h5")
    assert sorted(path.name for path in ext2.iterdir()) == [
        "faces.h5",
        "latents.h5",
        "lost+found",
    ]


def fill(path: Path) -> None:
    with FaceSetWriter(path, size=64, source="zeros", crop="none") as writer:
        for i in range(100):
            writer.append(np.zeros((100, 64, 64, 3), np.uint8), [f"{i}-{k}" for k in range(100)])


def test_a_report_and_its_numbers_appear_together_or_not_at_all(work: Path, tmp_path: Path):
    command = [sys.executable, "-m", "facegen", "analyze", "report", str(work / "latents.h5")]
    command += ["--skip", "clusters", "--skip", "tsne", "--skip", "faces", "-q", "-o", "r.html"]
    run = partial(subprocess.run, command, cwd=tmp_path, env=python_environment())
    assert run(capture_output=True).returncode in (0, 3)
    numbers, page = (tmp_path / f"r.{suffix}" for suffix in ("json", "html"))
    limit = (numbers.stat().st_size + page.stat().st_size) // 2
    assert numbers.stat().st_size < limit
    for path in (numbers, page):
        path.unlink()
    full = run(
        capture_output=True,
        text=True,
        preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert (full.returncode, full.stderr) == (1, "facegen: cannot write r.html: File too large\n")
    assert os.listdir(tmp_path) == []


# What others have put there


AS_ANOTHER = """
import fcntl, os, sys
from facegen.io.files import atomic_output
os.setgroups([]); os.setgid(65534); os.setuid(65534)
with atomic_output("out.txt") as temporary:
    temporary.write_text("whole")
"""


@AS_ROOT
def test_another_users_leftover_in_a_sticky_folder_is_no_obstacle(tmp_path: Path):
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    folder = tmp_path / "sticky"
    folder.mkdir()
    folder.chmod(0o1777)
    names = [LEFTOVER, f".out.txt.{2**22 - 1}.tmp"]  # no process has so high a number
    for name in names:
        (folder / name).write_text("half")
        (folder / name).chmod(0o666)
    done = subprocess.run(
        [sys.executable, "-c", AS_ANOTHER],
        cwd=folder,
        env=python_environment(),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "out.txt").read_text() == "whole"
    assert (folder / LEFTOVER).exists()


def test_a_file_beside_an_encoded_store_is_not_used_for_its_photos(
    work: Path, toy_weights: Path, tmp_path: Path
):
    precious = tmp_path / ".latents.h5.faces.h5"
    precious.write_bytes(b"precious")
    encode([work / "photo.png"], tmp_path / "latents.h5", weights=toy_weights, workers=1)
    assert precious.read_bytes() == b"precious"
    assert len(os.listdir(tmp_path)) == 2


def test_a_store_that_was_replaced_while_it_was_written_is_an_error(
    work: Path, toy_weights: Path, tmp_path: Path
):
    path = tmp_path / "latents.h5"

    def replace(done: int) -> None:
        (tmp_path / "other").write_bytes(b"another program's")
        (tmp_path / "other").replace(path)

    with pytest.raises(OutputError, match=r"latents.h5 was replaced by another program"):
        encode([work / "faces.h5"], path, weights=toy_weights, progress=replace)
    assert path.read_bytes() == b"another program's"


def test_a_store_that_appears_meanwhile_is_not_overwritten(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "latents.h5"
    with Latents.open(work / "latents.h5") as store:
        origin, dim = store.origin, store.latent_dim
    monkeypatch.setattr(Path, "exists", lambda path: False)
    path.write_bytes(b"theirs")
    with pytest.raises(OutputError, match="exists already"):
        LatentsWriter(path, origin, {"names": ["a"], "split": [0]}, rows=1, latent_dim=dim)
    assert path.read_bytes() == b"theirs"


def test_an_environment_that_has_hdf5_lock_is_named(work: Path, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "facegen", "fit", str(work / "latents.h5"), "-o", "sampler.h5"],
        cwd=tmp_path,
        env=python_environment() | {"HDF5_USE_FILE_LOCKING": "TRUE"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "HDF5_USE_FILE_LOCKING=TRUE has it lock what facegen has locked" in done.stderr
    assert os.listdir(tmp_path) == []


# Two outputs of one command


@pytest.mark.parametrize(
    "command",
    [
        ("analyze", "pca", "latents.h5", "--csv"),
        ("analyze", "tsne", "latents.h5", "--csv"),
        ("analyze", "neighbours", "latents.h5", "--n", 1, "--sheet"),
        ("evaluate", "faces.h5", "--pixels-only", "--plot"),
    ],
    ids=["pca", "tsne", "neighbours", "evaluate"],
)
@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "force"])
def test_two_outputs_of_one_name_are_refused_before_the_work(
    work: Path, command: tuple[object, ...], force: tuple[str, ...]
):
    done = facegen(*command, work / "both.png", "-o", "both.png", *force)
    assert isinstance(done.exception, OutputError), done.output
    assert "both.png is named for two outputs" in str(done.exception)
    assert not (work / "both.png").exists()
