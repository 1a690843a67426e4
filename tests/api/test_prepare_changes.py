"""prepare --update and --forget: face sets that grow, by a successor beside them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from facegen.api import prepare_changes
from facegen.api.prepare import prepare
from facegen.errors import InputError, OutputError
from facegen.images.photos import load_face
from facegen.io.face_set import FaceSet
from facegen.io.face_set_history import History
from facegen.io.face_set_writer import FaceSetWriter
from facegen.io.locks import exclusive
from facegen.io.split import extend_split, is_test_row
from running import facegen

SIZE = 16


def add_photos(folder: Path, *names: str, seed: int = 0) -> None:
    """Writes photos of noise, a different one for each name and seed."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng([seed, *name.encode()])
        Image.fromarray(random.integers(0, 256, (20, 20, 3), np.uint8)).save(path)


def numbered(*numbers: int) -> list[str]:
    return [f"{number:02}.png" for number in numbers]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder "photos" of twelve photos beside faces.h5, in the current folder."""
    monkeypatch.chdir(tmp_path)
    add_photos(Path("photos"), *numbered(*range(12)))
    prepare("photos", "faces.h5", size=SIZE, workers=1, test_fraction=0.25)
    return Path("photos")


def update(**options: Any) -> prepare_changes.Prepared:
    return prepare("photos", "faces.h5", update=True, workers=1, **options)


def content(path: str | Path = "faces.h5") -> dict[str, Any]:
    """Every dataset, and the attributes."""
    with h5py.File(path) as file:
        return {name: data[()] for name, data in file.items()} | dict(file.attrs)


def names_now() -> list[str]:
    with FaceSet.open("faces.h5") as faces:
        return faces.read_names(faces.rows())


def test_new_photos_become_rows_behind_those_that_are_there(folder: Path):
    before = content()
    add_photos(folder, "00a.png", "99.png")
    result = update()
    assert (result.added, result.count, result.skipped, result.gone) == (2, 14, [], [])
    after = content()
    assert names_now() == [*numbered(*range(12)), "00a.png", "99.png"]
    for name in ("images", "names", "split", "row_digests", "source_digests"):
        np.testing.assert_array_equal(after[name][:12], before[name])
    for row, name in ((12, "00a.png"), (13, "99.png")):
        photo = (folder / name).read_bytes()
        np.testing.assert_array_equal(after["images"][row], load_face(photo, size=SIZE))
        assert after["source_digests"][row].tobytes() == hashlib.sha256(photo).digest()
    assert {name: after[name] for name in ("options", "crop", "source", "size")} == {
        name: before[name] for name in ("options", "crop", "source", "size")
    }


def test_a_grown_face_set_has_the_fingerprints_of_one_written_at_once(folder: Path):
    add_photos(folder, "99.png")
    update()
    grown = content()
    with FaceSetWriter("again.h5", size=SIZE, source="", crop="") as writer:
        writer.append(grown["images"], names_now())
        writer.set_split(grown["split"] == 1)
    for name in ("fingerprint", "rows_fingerprint"):
        assert grown[name] == content("again.h5")[name]


def test_where_nothing_is_new_nothing_is_written(folder: Path):
    before = os.stat("faces.h5")
    done = facegen("prepare", folder, "-o", "faces.h5", "--update", "--workers", 1)
    assert done.exit_code == 0
    assert done.stderr.splitlines()[0] == "faces.h5: nothing new"
    after = os.stat("faces.h5")
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert sorted(os.listdir()) == ["faces.h5", "photos"]


def test_a_changed_photo_is_reported_and_the_old_one_kept(folder: Path):
    before = content()
    add_photos(folder, "03.png", seed=1)
    done = facegen("prepare", folder, "-o", "faces.h5", "--update", "--workers", 1)
    assert done.exit_code == 3
    assert "skipped 03.png: its content has changed; the face set keeps the old one" in done.stderr
    np.testing.assert_array_equal(content()["images"], before["images"])
    prepare((), "faces.h5", forget=["03.png"])
    assert update().added == 1
    face = load_face((folder / "03.png").read_bytes(), size=SIZE)
    np.testing.assert_array_equal(content()["images"][11], face)


def test_known_photos_under_new_names_are_passed_over(folder: Path):
    for name in ("copy.png", "copy again.png"):
        shutil.copy(folder / "05.png", folder / name)
    add_photos(folder, "new.png")
    shutil.copy(folder / "new.png", folder / "new too.png")
    result = update()
    assert (result.added, result.renamed, result.skipped) == (1, 3, [])


def test_photos_that_are_gone_stay_and_are_named(folder: Path):
    (folder / "02.png").unlink()
    (folder / "07.png").unlink()
    result = update()
    assert (result.added, result.gone, result.count) == (0, ["02.png", "07.png"], 12)
    assert names_now() == numbered(*range(12))


def test_the_same_name_in_two_sources_is_known_by_its_content(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    add_photos(Path("a"), "1.png", "2.png")
    add_photos(Path("b"), "1.png", seed=1)
    prepare(["a", "b"], "faces.h5", size=SIZE, workers=1)
    again = prepare(["a", "b"], "faces.h5", update=True, workers=1)
    assert (again.added, again.skipped, again.count) == (0, [], 3)


def test_a_photo_that_can_t_be_read_is_skipped_and_tried_again(folder: Path):
    (folder / "new.png").write_bytes(b"half a photo")
    assert update().skipped == [("new.png", "not an image that facegen reads")]
    add_photos(folder, "new.png")
    assert update().added == 1


def test_the_first_update_makes_the_face_set(folder: Path):
    Path("faces.h5").rename("fresh.h5")
    result = update(size=SIZE, test_fraction=0.25)
    assert (result.added, result.count) == (12, 12)
    assert Path("faces.h5").read_bytes() == Path("fresh.h5").read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 24}, "was prepared with size 16, not 24"),
        ({"box": (0, 0, 9, 9)}, r"was prepared with box None, not \(0, 0, 9, 9\)"),
        ({"seed": 4}, "was prepared with seed 0, not 4"),
        ({"test_count": 4}, "was prepared with test_count None, not 4"),
        ({"test_fraction": 0.1}, "was prepared with test_fraction 0.25, not 0.1"),
        ({"identities": "labels"}, "was prepared without identities; leave --identities out"),
    ],
)
def test_other_options_are_refused(folder: Path, options: dict[str, Any], message: str):
    Path("labels").write_text("00.png 1\n")
    add_photos(folder, "99.png")
    before = Path("faces.h5").read_bytes()
    with pytest.raises(InputError, match=message):
        update(**options)
    assert Path("faces.h5").read_bytes() == before


def test_the_recorded_options_may_be_repeated(folder: Path):
    add_photos(folder, "99.png")
    assert update(size=SIZE, seed=0, test_fraction=0.25).added == 1


def test_a_face_set_of_format_1_is_refused_in_one_line(folder: Path):
    with h5py.File("faces.h5", "r+") as file:
        file.attrs["format_version"] = 1
        del file.attrs["options"], file["row_digests"], file["source_digests"]
    for arguments in (["photos", "--update", "--workers", 1], ["--forget", "01.png"]):
        done = facegen("prepare", *arguments, "-o", "faces.h5")
        assert done.exit_code == 1
        assert "faces.h5 can't be changed: it has no digests of photos" in str(done.exception)


def test_who_is_new_is_split_until_the_count_is_right_and_nobody_changes_sides():
    names = [f"{row}.png" for row in range(200)]
    people = np.arange(200) // 4
    options: dict[str, Any] = {"test_fraction": 0.25, "test_count": None, "seed": 3}
    old = is_test_row(names[:100], people[:100], **options)
    # The 25 new rows of people who are known come in among the new people.
    new_people = np.concatenate([people[100:], np.arange(25)])
    new_names = [*names[100:], *(f"again-{person}.png" for person in range(25))]
    chosen = extend_split(old, people[:100], new_names, new_people, **options)
    sides: dict[int, set[bool]] = {}
    for person, side in zip([*people[:100], *new_people], [*old, *chosen], strict=True):
        sides.setdefault(int(person), set()).add(bool(side))
    assert all(len(side) == 1 for side in sides.values())
    # A person has 4 or 5 images; who would exceed the count is passed over.
    assert 0 <= round(0.25 * 225) - (old.sum() + chosen.sum()) < 4


def test_new_people_are_chosen_by_the_rule_of_fresh_runs():
    names = [f"{row}.png" for row in range(40)]
    options: dict[str, Any] = {"test_fraction": 0.25, "seed": 3}
    old = is_test_row(names[:20], **options)
    chosen = extend_split(old, None, names[20:], None, test_count=None, **options)
    np.testing.assert_array_equal(chosen, is_test_row(names[20:], test_count=5, seed=3))


def test_where_enough_are_held_out_nobody_is():
    old = np.ones(10, bool)
    options: dict[str, Any] = {"test_fraction": 0.1, "test_count": None, "seed": 0}
    assert not extend_split(old, None, ["a", "b"], None, **options).any()


@pytest.fixture
def labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Six photos of people 1, 2 and 3 with both label files; what to give an update."""
    monkeypatch.chdir(tmp_path)
    add_photos(Path("photos"), *numbered(*range(6)))
    Path("people").write_text(
        "".join(f"{name} {1 + i // 2}\n" for i, name in enumerate(numbered(*range(8))))
    )
    rows = "".join(f"{name} {(-1) ** i} 1\n" for i, name in enumerate(numbered(*range(8))))
    Path("labels").write_text(f"8\nSmiling Male\n{rows}")
    options: dict[str, Any] = {"identities": "people", "attributes": "labels"}
    prepare("photos", "faces.h5", size=SIZE, workers=1, test_count=2, **options)
    return options


def test_labels_grow_with_the_rows(labelled: dict[str, Any]):
    add_photos(Path("photos"), "06.png", "07.png", "unknown.png")
    update(**labelled)
    after = content()
    assert after["identities"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4, -1]
    assert after["attributes"].tolist() == [*[[1, 1], [-1, 1]] * 4, [0, 0]]
    assert after["split"].sum() == 2


@pytest.mark.parametrize("name", ["identities", "attributes"])
def test_a_set_with_labels_needs_them_for_new_photos(labelled: dict[str, Any], name: str):
    del labelled[name]
    with pytest.raises(InputError, match=f"was prepared with {name}; give --{name}"):
        update(**labelled)


def test_other_attributes_are_refused(labelled: dict[str, Any]):
    Path("labels").write_text("1\nSmiling\n06.png 1\n")
    with pytest.raises(InputError, match=r"labels has other attributes than faces\.h5"):
        update(**labelled)


def test_a_reader_of_the_old_one_is_not_disturbed(folder: Path):
    before = content()
    with FaceSet.open("faces.h5") as faces:
        add_photos(folder, "99.png")
        assert update().added == 1
        np.testing.assert_array_equal(faces.images[:], before["images"])
        assert len(faces) == 12


def test_a_second_writer_is_refused(folder: Path):
    changes: list[dict[str, Any]] = [
        {"update": True, "sources": "photos"},
        {"forget": ["01.png"], "sources": ()},
    ]
    for options in changes:
        with (
            exclusive("faces.h5"),
            pytest.raises(OutputError, match=r"another facegen \(process \d+\) is writing"),
        ):
            prepare(output="faces.h5", workers=1, **options)


def test_what_another_program_put_in_its_place_meanwhile_stays(folder: Path, monkeypatch):
    def replace(*arguments: Any) -> None:
        Path("other").write_bytes(b"somebody's")
        os.replace("other", "faces.h5")
        copy(*arguments)

    copy = prepare_changes.copy_faces
    monkeypatch.setattr(prepare_changes, "copy_faces", replace)
    add_photos(folder, "99.png")
    with pytest.raises(OutputError, match="was replaced by another program while its successor"):
        update()
    assert Path("faces.h5").read_bytes() == b"somebody's"
    assert sorted(os.listdir()) == ["faces.h5", "photos"]


def test_a_row_that_is_not_what_its_digest_says_is_found_and_nothing_written(folder: Path):
    with h5py.File("faces.h5", "r+") as file:
        file["images"][7, 3, 3, 1] ^= 1
    before = Path("faces.h5").read_bytes()
    add_photos(folder, "99.png")
    with pytest.raises(InputError, match=r"faces\.h5 is damaged: row 7 is not what its digest"):
        update()
    assert Path("faces.h5").read_bytes() == before
    assert sorted(os.listdir()) == ["faces.h5", "photos"]


def test_a_link_to_a_face_set_stays_a_link(folder: Path):
    Path("elsewhere").mkdir()
    os.rename("faces.h5", "elsewhere/real.h5")
    os.symlink("elsewhere/real.h5", "faces.h5")
    add_photos(folder, "99.png")
    assert update().added == 1
    assert os.readlink("faces.h5") == "elsewhere/real.h5"
    assert len(names_now()) == 13


def test_a_forgotten_photo_is_gone_and_no_update_adds_it_again(folder: Path):
    shutil.copy(folder / "04.png", folder / "other name.png")
    prepare("photos", "faces.h5", size=SIZE, workers=1, force=True)
    before = content()
    done = facegen("prepare", "-o", "faces.h5", "--forget", "04.png", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["removed"] == ["04.png", "other name.png"]
    kept = [row for row in range(13) if row not in (4, 12)]
    after = content()
    for name in ("images", "names", "split", "row_digests", "source_digests"):
        np.testing.assert_array_equal(after[name], before[name][kept])
    result = update()
    assert (result.added, result.forgotten, result.count) == (0, 2, 11)
    with FaceSet.open("faces.h5") as faces:
        found = History.read(faces.file).kept_rows(13, before["fingerprint"])
        assert found is not None
        assert found.tolist() == kept


def test_the_bytes_of_a_forgotten_photo_are_not_in_the_file(folder: Path):
    face = content()["images"][4].tobytes()
    assert face in Path("faces.h5").read_bytes()
    prepare((), "faces.h5", forget=["04.png"])
    data = Path("faces.h5").read_bytes()
    assert face not in data
    assert b"04.png" not in data


def test_labels_of_forgotten_photos_go_too(labelled: dict[str, Any]):
    prepare((), "faces.h5", forget=["01.png", "02.png"])
    after = content()
    assert after["identities"].tolist() == [1, 2, 3, 3]
    assert after["attributes"].tolist() == [[1, 1], [-1, 1], [1, 1], [-1, 1]]


def test_a_name_that_is_not_there_is_refused_and_nothing_written(folder: Path):
    before = Path("faces.h5").read_bytes()
    with pytest.raises(InputError, match=r"faces\.h5 has no photo 'none\.png'"):
        prepare((), "faces.h5", forget=["01.png", "none.png"])
    with pytest.raises(InputError, match="has no other photos; remove the file instead"):
        prepare((), "faces.h5", forget=numbered(*range(12)))
    assert Path("faces.h5").read_bytes() == before


def test_a_name_without_its_folder_is_answered_with_the_whole_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    add_photos(Path("photos"), "anna/1.png", "2.png", "3.png")
    prepare("photos", "faces.h5", size=SIZE, workers=1)
    with pytest.raises(InputError, match=r"has no photo '1\.png'; it has anna/1\.png"):
        prepare((), "faces.h5", forget=["1.png"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "faces.h5"], "Missing argument 'SOURCE...'"),
        (["photos", "--forget", "a"], "--forget goes without SOURCE"),
        (["--forget", "a", "--force"], "--forget goes without SOURCE, --update and --force"),
        (["photos", "--update", "--force"], "Choose one of --update and --force"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(folder: Path, arguments: list, message: str):
    done = facegen("prepare", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr


def test_an_update_that_is_interrupted_leaves_the_old_one_and_nothing_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    before = Path("faces.h5").read_bytes()
    add_photos(folder, "99.png")
    for options in ({"progress": interrupt}, {"max_pixels": 1, "on_skip": interrupt}):
        with pytest.raises(KeyboardInterrupt):
            update(**options)
    monkeypatch.setattr(prepare_changes, "copy_faces", interrupt)
    with pytest.raises(KeyboardInterrupt):
        prepare((), "faces.h5", forget=["01.png"])
    assert Path("faces.h5").read_bytes() == before
    assert sorted(os.listdir()) == ["faces.h5", "photos"]
