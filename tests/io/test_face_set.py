"""The face set: splitting by person, writing as a stream, reading."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegen.errors import InputError, MissingFileError, OutputError
from facegen.io.face_set import FaceSet
from facegen.io.face_set_writer import FaceSetWriter
from facegen.io.prepare_options import PrepareOptions
from facegen.io.split import is_test_row
from facegen.version import __version__
from running import run_python

people_lists = st.lists(st.integers(-1, 12), min_size=2, max_size=60)


def names_of(count: int) -> list[str]:
    return [f"{row:06}.jpg" for row in range(count)]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, shape, np.uint8)


def write_faces(path: Path, images: np.ndarray, **options: Any) -> Path:
    size = images.shape[1]
    with FaceSetWriter(path, size=size, source="test", crop="none", **options) as writer:
        writer.append(images, names_of(len(images)))
        writer.set_split(np.arange(len(images)) % 3 == 0)
    return path


@given(people_lists, st.floats(0, 0.9), st.integers(0, 5))
def test_a_person_is_never_in_both_splits(people, fraction, seed):
    people = np.array(people)
    try:
        is_test = is_test_row(names_of(len(people)), people, test_fraction=fraction, seed=seed)
    except InputError:  # nobody would be left for training
        return
    test, train = set(people[is_test]) - {-1}, set(people[~is_test]) - {-1}
    assert test.isdisjoint(train)


@given(people_lists, st.integers(0, 5), st.randoms())
def test_the_split_does_not_depend_on_the_order_of_the_photos(people, seed, random):
    people, names = np.array(people), names_of(len(people))
    order = list(range(len(people)))
    random.shuffle(order)
    is_test = is_test_row(names, people, test_fraction=0.3, seed=seed)
    shuffled = is_test_row([names[i] for i in order], people[order], test_fraction=0.3, seed=seed)
    np.testing.assert_array_equal(shuffled, is_test[order])


@given(people_lists, st.data())
def test_no_more_than_test_count_and_no_person_who_would_still_fit(people, data):
    people = np.array(people)
    wanted = data.draw(st.integers(0, len(people) - 1))
    is_test = is_test_row(names_of(len(people)), people, test_count=wanted)
    missing = wanted - int(is_test.sum())
    assert missing >= 0
    if missing:
        assert not ((people == -1) & ~is_test).any()
        left = np.bincount(people[~is_test & (people >= 0)])
        assert not ((left > 0) & (left <= missing)).any()


@given(st.integers(2, 200), st.data(), st.integers(0, 5))
def test_test_count_is_exact_where_people_are_unknown(count, data, seed):
    wanted = data.draw(st.integers(0, count - 1))
    assert is_test_row(names_of(count), test_count=wanted, seed=seed).sum() == wanted
    unknown = np.full(count, -1)
    assert is_test_row(names_of(count), unknown, test_count=wanted, seed=seed).sum() == wanted


@pytest.mark.parametrize(("fraction", "expected"), [(0.0, 0), (0.1, 20), (0.25, 50), (0.999, 200)])
def test_test_fraction_is_a_share_of_the_images(fraction, expected):
    names = names_of(200)
    if expected == 200:
        with pytest.raises(InputError, match="200 test images of 200 leave none for training"):
            is_test_row(names, test_fraction=fraction)
    else:
        assert is_test_row(names, test_fraction=fraction).sum() == expected


def test_another_seed_chooses_others():
    names = names_of(300)
    chosen = [is_test_row(names, seed=seed) for seed in range(3)]
    assert all((a != b).any() for a, b in itertools.pairwise(chosen))
    # Random subsets of a tenth share a tenth of their rows, not most of them.
    assert (chosen[0] & chosen[1]).sum() < 12


def test_the_split_never_changes_from_version_to_version():
    """The order is by BLAKE2b of "SEED:name NAME" and "SEED:person NUMBER"."""
    names, people = ["a", "b", "c", "d", "e", "f"], np.array([3, 3, 4, -1, -1, 5])

    def digest(group: str) -> bytes:
        return hashlib.blake2b(f"7:{group}".encode(), digest_size=16).digest()

    groups = {"person 3": [0, 1], "person 4": [2], "name d": [3], "name e": [4], "person 5": [5]}
    expected = np.zeros(6, bool)
    for group in sorted(groups, key=digest):
        if len(groups[group]) <= 3 - expected.sum():
            expected[groups[group]] = True
    np.testing.assert_array_equal(is_test_row(names, people, test_count=3, seed=7), expected)


@pytest.mark.parametrize("wanted", [4, 5])
def test_a_split_without_training_images_is_refused(wanted):
    with pytest.raises(InputError, match=f"{wanted} test images of 4 leave none for training"):
        is_test_row(names_of(4), test_count=wanted)


def test_what_is_written_is_read_again(tmp_path):
    images = noise(10, 8, 8, 3)
    people, attributes = np.arange(10) // 2, noise(10, 2).astype(np.int8) % 2
    names = [*names_of(8), "ünï/çødé 😀.jpg", "last"]
    path = tmp_path / "faces.h5"
    with FaceSetWriter(path, size=8, source="here", crop="1x2x3x4") as writer:
        writer.append(images[:3], names[:3])
        writer.append(images[3:], names[3:])
        writer.set_split(people == 2)
        writer.set_labels(people, attributes, ["Smiling", "Male"])
    with FaceSet.open(path) as faces:
        assert len(faces) == 10
        assert (faces.size, faces.source, faces.crop) == (8, "here", "1x2x3x4")
        np.testing.assert_array_equal(faces.images[:], images)
        assert faces.read_names(np.arange(10)) == names
        np.testing.assert_array_equal(faces.is_test, people == 2)
        np.testing.assert_array_equal(faces.rows(), np.arange(10))
        np.testing.assert_array_equal(faces.rows("test"), [4, 5])
        np.testing.assert_array_equal(faces.rows("train"), [0, 1, 2, 3, 6, 7, 8, 9])
        np.testing.assert_array_equal(faces.file["identities"], people)
        np.testing.assert_array_equal(faces.file["attributes"], attributes)
        assert faces.file["attribute_names"].asstr()[:].tolist() == ["Smiling", "Male"]


def test_any_hdf5_reader_reads_the_file(tmp_path):
    """Plain chunked datasets without filters; the split is an enumeration with its names."""
    path = write_faces(tmp_path / "faces.h5", noise(100, 96, 96, 3), provenance={"seed": 1})
    with h5py.File(path) as file:
        assert {name: file[name].dtype.kind for name in file} == {
            "images": "u",
            "names": "O",
            "split": "u",
            "row_digests": "u",
        }
        for data in file.values():
            assert data.compression is None
            assert not data.shuffle
            assert not data.fletcher32
        assert file["images"].chunks == (37, 96, 96, 3)
        assert h5py.check_enum_dtype(file["split"].dtype) == {"train": 0, "test": 1}
        assert h5py.check_string_dtype(file["names"].dtype).encoding == "utf-8"
        assert file.attrs["format"] == "facegen-faces"
        assert file.attrs["format_version"] == 2
        assert json.loads(file.attrs["provenance"]) == {"facegen_version": __version__, "seed": 1}


def test_the_fingerprint_is_that_of_images_names_and_split(tmp_path):
    images = noise(7, 4, 4, 3)
    path = write_faces(tmp_path / "faces.h5", images)
    names = "".join(name + "\0" for name in names_of(7)).encode()
    parts = hashlib.sha256(images.tobytes()).digest() + hashlib.sha256(names).digest()
    split = bytes([1, 0, 0, 1, 0, 0, 1])
    with FaceSet.open(path) as faces:
        assert faces.fingerprint == hashlib.sha256(parts + split).hexdigest()


def test_every_row_has_a_digest_and_a_fingerprint_is_over_these(tmp_path):
    images = noise(7, 4, 4, 3)
    path = write_faces(tmp_path / "faces.h5", images)
    digests = b"".join(hashlib.sha256(image.tobytes()).digest() for image in images)
    names = "".join(name + "\0" for name in names_of(7)).encode()
    parts = hashlib.sha256(digests).digest() + hashlib.sha256(names).digest()
    split = bytes([1, 0, 0, 1, 0, 0, 1])
    with FaceSet.open(path) as faces:
        assert faces.digests("row_digests")[:].tobytes() == digests
        assert faces.rows_fingerprint == hashlib.sha256(parts + split).hexdigest()
        assert faces.options is None
        with pytest.raises(InputError, match="has no dataset 'source_digests'"):
            faces.digests("source_digests")


def test_the_digests_of_photos_and_the_options_are_recorded(tmp_path):
    path, sources = tmp_path / "faces.h5", noise(3, 32)
    options = PrepareOptions(size=8, box=(1, 2, 3, 4), align=True, test_count=7, seed=2**62)
    with FaceSetWriter(path, size=8, source="", crop="", options=options) as writer:
        writer.append(noise(2, 8, 8, 3), names_of(2), sources[:2])
        writer.append(noise(1, 8, 8, 3), ["last"], sources[2:])
    with FaceSet.open(path) as faces:
        assert faces.options == options
        np.testing.assert_array_equal(faces.digests("source_digests")[:], sources)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", "1", '{"size": -1}', '{"size": 8, "box": [1, 2], "test_count": null}']
)
def test_options_that_are_not_facegen_s_are_refused(tmp_path, text):
    path = write_faces(tmp_path / "faces.h5", noise(3, 8, 8, 3))
    with h5py.File(path, "r+") as file:
        file.attrs["options"] = text
    with pytest.raises(InputError, match="is damaged: its options can't be read"):
        FaceSet.open(path)


def test_digests_of_another_number_of_rows_are_refused(tmp_path):
    path = write_faces(tmp_path / "faces.h5", noise(3, 8, 8, 3))
    damage(path, "row_digests", np.zeros((2, 32), np.uint8))
    with FaceSet.open(path) as faces, pytest.raises(InputError, match="row_digests are"):
        faces.digests("row_digests")


def test_a_face_set_of_format_1_is_read(tmp_path):
    """As an earlier facegen wrote it: no digests, no options."""
    path = write_faces(tmp_path / "faces.h5", noise(3, 8, 8, 3))
    with FaceSet.open(path) as faces:
        fingerprint = faces.fingerprint
    damage(path, "row_digests")
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 1
        del file.attrs["rows_fingerprint"]
    with FaceSet.open(path) as faces:
        assert (faces.fingerprint, faces.rows_fingerprint, faces.options) == (fingerprint, "", None)
        np.testing.assert_array_equal(faces.images[:], noise(3, 8, 8, 3))


def test_the_fingerprint_does_not_depend_on_the_batches(tmp_path):
    images = noise(7, 4, 4, 3)
    fingerprints = set()
    for size in (1, 3, 7):
        with FaceSetWriter(tmp_path / f"{size}.h5", size=4, source="", crop="") as writer:
            for start in range(0, 7, size):
                rows = slice(start, start + size)
                writer.append(images[rows], names_of(7)[rows])
        with FaceSet.open(tmp_path / f"{size}.h5") as faces:
            fingerprints.add(faces.fingerprint)
    assert len(fingerprints) == 1


@given(st.lists(st.integers(0, 299), max_size=20))
def test_rows_are_read_in_the_order_asked_for(toy_faces, rows):
    with FaceSet.open(toy_faces) as faces:
        expected = faces.images[:][np.array(rows, int)]
        np.testing.assert_array_equal(faces.read(np.array(rows, int)), expected)


@pytest.mark.parametrize("row", [-1, 300])
def test_rows_that_do_not_exist_are_refused(toy_faces, row):
    with FaceSet.open(toy_faces) as faces, pytest.raises(InputError, match="has rows 0 to 299"):
        faces.read(np.array([5, row]))


@pytest.mark.parametrize("split", [None, "train", "test"])
@pytest.mark.parametrize("batch_size", [1, 7, 128, 1000])
def test_iterating_gives_every_row_of_the_split_once(toy_faces, split, batch_size):
    with FaceSet.open(toy_faces) as faces:
        images = faces.images[:]
        seen = []
        for rows, batch in faces.iterate(split, batch_size):
            assert len(rows) <= batch_size
            np.testing.assert_array_equal(batch, images[rows])
            seen += rows.tolist()
        assert seen == faces.rows(split).tolist()
    assert len(seen) == {None: 300, "train": 270, "test": 30}[split]


def test_nothing_appears_when_writing_fails(tmp_path):
    def fail():
        with FaceSetWriter(tmp_path / "faces.h5", size=4, source="", crop="") as writer:
            writer.append(noise(2, 4, 4, 3), names_of(2))
            raise KeyError("photo")

    with pytest.raises(KeyError):
        fail()
    assert os.listdir(tmp_path) == []


def test_a_face_set_is_not_overwritten_without_force(tmp_path):
    path = write_faces(tmp_path / "faces.h5", noise(3, 4, 4, 3))
    before = path.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        write_faces(path, noise(4, 4, 4, 3))
    assert path.read_bytes() == before
    write_faces(path, noise(4, 4, 4, 3), force=True)
    with FaceSet.open(path) as faces:
        assert len(faces) == 4


@pytest.mark.parametrize(("limit", "images"), [(1_000, 3), (60_000, 3), (1_000_000, 100)])
def test_a_full_disk_is_one_clear_line_and_leaves_nothing(tmp_path, limit, images):
    """Also when HDF5 notices it only on closing the file, and without a crash at exit."""
    script = tmp_path / "script.py"
    script.write_text(
        "import resource, signal, sys\n"
        "import numpy as np\n"
        "from facegen.errors import OutputError\n"
        "from facegen.io.face_set_writer import FaceSetWriter\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "try:\n"
        "    with FaceSetWriter('faces.h5', size=96, source='', crop='') as writer:\n"
        f"        for i in range({images}):\n"
        "            writer.append(np.full((1, 96, 96, 3), 7, np.uint8), [str(i)])\n"
        "    print('written')\n"
        "except OutputError as error:\n"
        "    print(error)\n"
    )
    done = run_python(script, cwd=tmp_path)
    assert done.stdout == "cannot write faces.h5: File too large\n"
    assert os.listdir(tmp_path) == ["script.py"]
    assert (done.returncode, done.stderr) == (0, "")


def damage(path: Path, name: str, value: object = None) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]
        if value is not None:
            file[name] = value


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("images", None, "has no dataset 'images'"),
        ("split", None, "has no dataset 'split'"),
        ("images", np.zeros((3, 8, 8, 3), np.float32), "expected 4 dimensions of"),
        ("images", np.zeros((3, 8, 9, 3), np.uint8), r"expected \(N, size, size, 3\)"),
        ("images", np.zeros((3, 8, 8, 1), np.uint8), r"expected \(N, size, size, 3\)"),
        ("images", np.zeros((2, 8, 8, 3), np.uint8), "differ in length"),
        ("split", np.zeros(4, np.uint8), "differ in length"),
        ("names", np.array([b"a", b"b"]), "differ in length"),
        ("names", np.arange(3), "names"),
    ],
)
def test_a_damaged_face_set_is_refused(tmp_path, name, value, message):
    path = write_faces(tmp_path / "faces.h5", noise(3, 8, 8, 3))
    damage(path, name, value)
    with pytest.raises(InputError, match=message):
        FaceSet.open(path)


def test_a_missing_face_set_is_named(tmp_path):
    with pytest.raises(MissingFileError, match="nothing does not exist"):
        FaceSet.open(tmp_path / "nothing")


def test_a_truncated_face_set_is_refused(tmp_path):
    path = write_faces(tmp_path / "faces.h5", noise(3, 8, 8, 3))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="truncated"):
        FaceSet.open(path)
