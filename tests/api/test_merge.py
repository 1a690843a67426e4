"""merge: parts in any order give the file of one run, and what doesn't fit is refused."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from facegen.api.encode import encode
from facegen.api.generate import generate_files
from facegen.api.generate_request import GenerateRequest
from facegen.api.info import info
from facegen.api.merge import merge
from facegen.api.prepare import prepare
from facegen.api.reproduce import reproduce
from facegen.errors import FacegenError, InputError, OutputError
from facegen.io import part_reader
from facegen.io.face_set import FaceSet
from facegen.io.latent_store import Latents
from facegen.io.latent_writer import LatentsWriter
from facegen.latent.sampler_choice import SamplerChoice
from facegen.shards import Shard
from running import REPOSITORY, facegen, python_environment

ROWS = 301  # of generated faces: no multiple of the parts, nor of a batch


def read_all(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """All datasets and all attributes of a file, by h5py alone."""
    with h5py.File(path) as file:
        assert all(isinstance(data, h5py.Dataset) and not data.is_virtual for data in file.values())
        return {name: data[()] for name, data in file.items()}, dict(file.attrs)


def assert_same(path: Path, expected: Path) -> None:
    (found, attributes), (wanted, others) = read_all(path), read_all(expected)
    assert attributes == others
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def generated(path: Path, weights: Path, shard: Shard | None = None, **options: Any) -> Path:
    asked = {"count": ROWS, "seed": 5, "choice": SamplerChoice(r_limit=2.5), **options}
    generate_files(GenerateRequest(output=path, weights=weights, shard=shard, **asked))
    return path


def encoded(path: Path, faces: Path, weights: Path, shard: Shard, **options: Any) -> Path:
    encode([faces], path, weights=weights, shard=shard, **{"seed": 5, **options})
    return path


@pytest.fixture(scope="module")
def store_parts(
    toy_faces: Path, toy_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """The toy store in seven parts of 42 or 43 rows."""
    folder = tmp_path_factory.mktemp("parts")
    shards = [Shard(i, 7) for i in range(1, 8)]
    return [encoded(folder / f"{s.index}.h5", toy_faces, toy_weights, s) for s in shards]


@pytest.fixture(scope="module")
def face_parts(toy_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Generated faces in three parts."""
    folder = tmp_path_factory.mktemp("parts")
    return [generated(folder / f"{i}.h5", toy_weights, Shard(i, 3)) for i in (1, 2, 3)]


def test_parts_of_a_store_in_any_order_give_the_store_of_one_run_to_the_byte(
    store_parts: list[Path], toy_store: Path, tmp_path: Path
):
    shuffled = random.Random(1).sample(store_parts, 7)
    done = merge(shuffled, tmp_path / "latents.h5")
    assert (done.parts, done.rows) == (7, 300)
    assert (tmp_path / "latents.h5").read_bytes() == toy_store.read_bytes()


def test_parts_of_a_generated_face_set_give_the_face_set_of_one_run(
    face_parts: list[Path], toy_weights: Path, tmp_path: Path
):
    merge(face_parts[::-1], tmp_path / "whole.h5")
    assert_same(tmp_path / "whole.h5", generated(tmp_path / "one.h5", toy_weights))


def test_parts_of_stored_points_give_the_faces_of_one_run(
    toy_store: Path, toy_weights: Path, tmp_path: Path
):
    stored: dict[str, Any] = {"count": None, "seed": None, "latents": toy_store}
    stored["choice"] = SamplerChoice()
    stored["rows"] = "7,7,9,8,20-33,34,2,3,5,99-120"
    parts = [
        generated(tmp_path / f"{i}.h5", toy_weights, Shard(i, 5), **stored) for i in range(1, 6)
    ]
    merge(parts, tmp_path / "whole.h5")
    assert_same(tmp_path / "whole.h5", generated(tmp_path / "one.h5", toy_weights, **stored))


@pytest.fixture(scope="module")
def many_photos(photos_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 19 photos in two subfolders, one of them twice, two that can't be used; beside it
    labels of some: people and attributes.
    """
    folder = tmp_path_factory.mktemp("many") / "photos"
    for i, path in enumerate(sorted(photos_folder.iterdir())):
        (folder / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / "ab"[i % 2] / path.name)
    shutil.copy(folder / "a" / "aligned.jpg", folder / "b" / "again.jpg")
    for name in ("a/0.png", "b/zzz.png"):
        (folder / name).write_bytes(b"no photo")
    names = sorted(path.name for path in folder.rglob("*.*"))[2:14]
    people = "".join(f"{name} {i // 3}\n" for i, name in enumerate(names))
    (folder.parent / "people").write_text(people)
    labels = "".join(f"{name} 1 {1 - 2 * (i % 2)}\n" for i, name in enumerate(names[4:]))
    (folder.parent / "labels").write_text(f"9\nSmiling Male\n{labels}")
    return folder


def prepared(path: Path, photos: Path, shard: Shard | None = None, **options: Any) -> Path:
    given = {"size": 16, "workers": 1, "test_fraction": 0.4, **options}
    prepare([photos], path, shard=shard, **given)
    return path


@pytest.mark.parametrize("count", [1, 2, 5, 19])
def test_parts_of_photos_give_the_face_set_of_one_run_numbers_split_and_labels(
    many_photos: Path, tmp_path: Path, count: int
):
    """Of 19 parts two have no face at all."""
    of = many_photos.parent
    options: dict[str, Any] = {"identities": of / "people", "attributes": of / "labels"}
    one = prepared(tmp_path / "one.h5", many_photos, **options)
    shards = [Shard(i, count) for i in range(1, count + 1)]
    parts = [prepared(tmp_path / f"{s.index}.h5", many_photos, s, **options) for s in shards]
    done = merge(parts[::-1], tmp_path / "whole.h5")
    assert (done.parts, done.rows) == (count, 17)
    assert_same(tmp_path / "whole.h5", one)
    with FaceSet.open(one) as faces:
        assert faces.is_test.sum() > 3


def test_parts_of_a_zip_without_labels_give_the_face_set_of_one_run(
    many_photos: Path, tmp_path: Path
):
    archive = Path(shutil.make_archive(str(tmp_path / "photos"), "zip", many_photos))
    one = prepared(tmp_path / "one.h5", archive)
    parts = []
    for i in (1, 2, 3):
        parts.append(tmp_path / f"{i}.h5")
        options = ("--shard", f"{i}/3", "--size", 16, "--test-fraction", 0.4, "--workers", 1)
        assert facegen("prepare", archive, "-o", parts[-1], *options).exit_code in (0, 3)
    merge(parts, tmp_path / "whole.h5")
    assert_same(tmp_path / "whole.h5", one)
    found = info(parts[1])["part"]
    assert found == {**found, "shard": 2, "shards": 3, "first_photo": 6, "whole_photos": 19}


def test_parts_of_photos_that_do_not_fit_are_one_clear_line(many_photos: Path, tmp_path: Path):
    one = prepared(tmp_path / "1.h5", many_photos, Shard(1, 2))
    folder = shutil.copytree(many_photos, tmp_path / "photos")
    sized = prepared(tmp_path / "sized.h5", many_photos, Shard(2, 2), size=32)
    seed = prepared(tmp_path / "seed.h5", many_photos, Shard(2, 2), seed=9)
    people = many_photos.parent / "people"
    labelled = prepared(tmp_path / "people.h5", many_photos, Shard(2, 2), identities=people)
    (folder / "a" / "aligned.jpg").rename(folder / "a" / "other.jpg")
    renamed = prepared(tmp_path / "renamed.h5", folder, Shard(2, 2))
    (folder / "a" / "other.jpg").unlink()
    fewer = prepared(tmp_path / "fewer.h5", folder, Shard(2, 2))
    nobody = tmp_path / "nobody"
    nobody.write_text("nobody.png 1\n")
    unknown = [
        prepared(tmp_path / f"unknown-{i}.h5", many_photos, Shard(i, 2), identities=nobody)
        for i in (1, 2)
    ]
    for paths, line in [
        ([one, sized], "its size is 32, not 16"),
        ([one, seed], "its seed is 9, not 0"),
        ([one, labelled], "its labelling is identities, not none"),
        ([one, renamed], "its list of photos is "),
        ([one, fewer], "its whole's photos is 18, not 19"),
        (unknown, "the identities name none of the photos, such as "),
    ]:
        with pytest.raises(InputError, match=line):
            merge(paths, tmp_path / "whole.h5")
    with pytest.raises(InputError, match="19 photos can't be divided into 20 parts"):
        prepared(tmp_path / "part.h5", many_photos, Shard(1, 20))
    assert not {"whole.h5", "part.h5"} & {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("identities", np.zeros(3, "i4")),
        ("attributes", np.zeros((9, 7), "i1")),
        ("attributes", np.zeros((2, 2), "i1")),
        ("source_digests", np.zeros((2, 32), "u1")),
        ("source_digests", None),
        ("attribute_names", None),
    ],
)
def test_a_part_whose_labels_do_not_fit_its_rows_is_refused(
    many_photos: Path, tmp_path: Path, name: str, data: np.ndarray | None
):
    of = many_photos.parent
    options: dict[str, Any] = {"identities": of / "people", "attributes": of / "labels"}
    parts = [prepared(tmp_path / f"{i}.h5", many_photos, Shard(i, 2), **options) for i in (1, 2)]

    def change(file: h5py.File) -> None:
        del file[name]
        if data is not None:
            file[name] = data

    lying = changed(parts[0], tmp_path / "lying.h5", change)
    with pytest.raises(InputError, match=r"lying\.h5"):
        merge([lying, parts[1]], tmp_path / "whole.h5")


def test_parts_without_one_face_are_refused_as_one_run_is(tmp_path: Path):
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "photos" / name).write_bytes(b"no photo")
    parts = [prepared(tmp_path / f"{i}.h5", tmp_path / "photos", Shard(i, 2)) for i in (1, 2)]
    with pytest.raises(InputError, match="no photo could be used in any part"):
        merge(parts, tmp_path / "whole.h5")


def test_a_part_is_a_whole_file_that_says_which_part_it_is(
    store_parts: list[Path], face_parts: list[Path], toy_store: Path
):
    found = info(store_parts[1])
    assert found["part"] == {"shard": 2, "shards": 7, "first_row": 42, "whole_rows": 300}
    assert (found["rows"], found["complete"]) == (43, True)
    assert info(face_parts[2])["part"]["first_row"] == 200
    assert "part" not in info(toy_store)
    with Latents.open(store_parts[1]) as part, Latents.open(toy_store) as whole:
        np.testing.assert_array_equal(part.read(range(43)), whole.read(range(42, 85)))
        assert part.read_names(slice(0, 43)) == whole.read_names(slice(42, 85))
        np.testing.assert_array_equal(part.is_test, whole.is_test[42:85])
        assert part.origin.fingerprint != whole.origin.fingerprint


def test_query_and_analyze_read_a_part_and_say_that_it_is_one(store_parts: list[Path]):
    part = store_parts[1]
    done = facegen("query", part, "--limit", 1)
    assert done.stdout.startswith("0\t")
    assert done.stderr == f"{part}: part 2 of 7, rows 42 to 84 of 300; its first row is 0 here\n"
    done = facegen("analyze", "radius", part)
    assert done.stderr == "2.h5: part 2 of 7, 43 of 300 rows\n"


def test_a_part_is_not_taken_for_the_store_of_its_face_set(
    store_parts: list[Path], toy_faces: Path, toy_weights: Path, tmp_path: Path
):
    """Its row 0 is the face set's row 42."""
    options = ("--nearest", store_parts[1], "--faces", toy_faces, "--weights", toy_weights)
    done = facegen("generate", "--n", 2, *options, "-o", tmp_path / "a.png")
    assert done.exit_code == 1
    assert "their fingerprints differ" in str(done.exception)


def test_parts_and_wholes_are_reproduced(
    store_parts: list[Path],
    face_parts: list[Path],
    toy_faces: Path,
    toy_weights: Path,
    tmp_path: Path,
):
    merge(store_parts, tmp_path / "store.h5")
    merge(face_parts, tmp_path / "faces.h5")
    originals = [store_parts[2], face_parts[1], tmp_path / "store.h5", tmp_path / "faces.h5"]
    for i, original in enumerate(originals):
        again = tmp_path / f"again-{i}.h5"
        done = reproduce(original, again, weights=toy_weights, folders=[toy_faces.parent])
        assert done.largest_difference == 0
        assert_same(again, original)


def test_a_part_that_was_broken_off_goes_on(
    store_parts: list[Path], toy_faces: Path, toy_weights: Path, tmp_path: Path
):
    path, shard = tmp_path / "part.h5", Shard(1, 2)
    with pytest.MonkeyPatch.context() as patch:
        append = LatentsWriter.append
        left = iter([1])

        def once(self: LatentsWriter, *points: np.ndarray) -> None:
            if next(left, None) is None:
                raise OSError("stopped by the test")
            append(self, *points)

        patch.setattr(LatentsWriter, "append", once)
        with pytest.raises(OSError, match="stopped"):
            encoded(path, toy_faces, toy_weights, shard, flush_seconds=0)
    with pytest.raises(InputError, match=r"is not complete: 128 of its 150 rows are there"):
        merge([path, path], tmp_path / "whole.h5")
    with pytest.raises(OutputError, match="is part 1 of 2, not part 2 of 2"):
        encoded(path, toy_faces, toy_weights, Shard(2, 2))
    with pytest.raises(OutputError, match="is part 1 of 2, not a whole store"):
        encode([toy_faces], path, weights=toy_weights, seed=5)
    assert encode([toy_faces], path, weights=toy_weights, seed=5, shard=shard).resumed_at == 128
    other = encoded(tmp_path / "other.h5", toy_faces, toy_weights, shard)
    assert path.read_bytes() == other.read_bytes()


# What doesn't fit


def test_parts_that_do_not_fit_are_one_clear_line(
    store_parts: list[Path],
    face_parts: list[Path],
    toy_store: Path,
    toy_faces: Path,
    toy_weights: Path,
    tmp_path: Path,
):
    one, two, *_ = store_parts
    last = Shard(7, 7)
    seed = encoded(tmp_path / "seed.h5", toy_faces, toy_weights, last, seed=6)
    scale = encoded(tmp_path / "scale.h5", toy_faces, toy_weights, last, epsilon_scale=0.5)
    eighth = encoded(tmp_path / "8.h5", toy_faces, toy_weights, Shard(8, 8))
    sized = generated(tmp_path / "sized.h5", toy_weights, Shard(3, 3), count=9)
    seeded = generated(tmp_path / "seeded.h5", toy_weights, Shard(3, 3), seed=6)
    sampled = generated(tmp_path / "sampled.h5", toy_weights, Shard(3, 3), choice=SamplerChoice())
    for paths, line in [
        ([*store_parts[:6], seed], r"seed.h5 is no part of the same whole as .*seed is 6, not 5"),
        ([*store_parts[:6], scale], r"its epsilon_scale is 0.5, not 1.0"),
        ([*store_parts, two], r"2.h5 and \S+/2.h5 are both part 2 of 7; leave one out"),
        ([one, *store_parts[2:]], r"of the 7 parts 1 is missing: 2$"),
        ([one], r"of the 7 parts 6 are missing: 2, 3, 4, 5, 6, 7$"),
        ([*store_parts, eighth], r"1.h5 is part 1 of 7, \S+/8.h5 part 8 of 8"),
        ([toy_store, one], r"latents.h5 is no part; --shard of 'facegen prepare', 'encode'"),
        ([one, face_parts[0]], r"1.h5 is facegen-faces; expected facegen-latents"),
        ([*face_parts[:2], sized], r"its whole's rows is 9, not 301"),
        ([*face_parts[:2], seeded], r"its seed is 6, not 5"),
        ([*face_parts[:2], sampled], r"its sampler is "),
        ([toy_store.with_name("sampler.h5")], r"only stores and face sets have parts"),
        ([tmp_path / "nowhere.h5"], r"nowhere.h5 does not exist"),
        ([], r"no parts given"),
    ]:
        with pytest.raises(FacegenError, match=line) as refused:
            merge(paths, tmp_path / "whole.h5")
        assert "\n" not in str(refused.value)
        assert not (tmp_path / "whole.h5").exists()


def changed(path: Path, copy: Path, change: Callable[[h5py.File], Any]) -> Path:
    shutil.copy(path, copy)
    with h5py.File(copy, "r+") as file:
        change(file)
    return copy


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("shard", 2),
        ("shard", 0),
        ("shards", 2**62),
        ("shards", -3),
        ("first_row", 1),
        ("whole_rows", 10**30),
        ("whole_rows", 2**62),
        ("whole_rows", 310),
        ("whole_rows", "many"),
        ("first_row", None),
    ],
)
def test_a_part_that_lies_about_itself_is_refused(
    face_parts: list[Path], tmp_path: Path, attribute: str, value: Any
):
    def change(file: h5py.File) -> None:
        del file.attrs[attribute]
        if value is not None:
            file.attrs[attribute] = float(value) if value == 10**30 else value

    path = changed(face_parts[0], tmp_path / "lying.h5", change)
    with pytest.raises(InputError, match=r"lying.h5 is damaged") as refused:
        FaceSet.open(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("rows", [5, "0-2x", "0-" + "9" * 30, None])
def test_rows_in_a_part_s_provenance_that_are_none_are_refused(
    face_parts: list[Path], tmp_path: Path, rows: Any
):
    def change(file: h5py.File) -> None:
        made = json.loads(file.attrs["provenance"])
        file.attrs["provenance"] = json.dumps({**made, "rows": rows})

    lying = changed(face_parts[0], tmp_path / "lying.h5", change)
    with pytest.raises(InputError):
        merge([lying, *face_parts[1:]], tmp_path / "whole.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["lying.h5"]


def test_a_part_that_changes_meanwhile_is_refused(
    store_parts: list[Path], toy_faces: Path, toy_weights: Path, tmp_path: Path
):
    parts = [Path(shutil.copy(path, tmp_path)) for path in store_parts]
    other = encoded(tmp_path / "other.h5", toy_faces, toy_weights, Shard(7, 7), seed=6)
    with pytest.raises(InputError, match=r"7.h5 was changed meanwhile"):
        merge(parts, tmp_path / "whole.h5", started=lambda rows: other.rename(parts[6]))
    assert not (tmp_path / "whole.h5").exists()


def test_shards_need_a_seed_and_a_face_set(
    toy_faces: Path, toy_weights: Path, photos_folder: Path, tmp_path: Path
):
    output = tmp_path / "part.h5"
    with pytest.raises(InputError, match="--shard needs --seed"):
        encode([toy_faces], output, weights=toy_weights, shard=Shard(1, 2))
    with pytest.raises(InputError, match="--shard is for a face set"):
        encode([photos_folder], output, weights=toy_weights, shard=Shard(1, 2), seed=5)
    with pytest.raises(InputError, match="300 rows can't be divided into 301 parts"):
        encoded(output, toy_faces, toy_weights, Shard(1, 301))
    with pytest.raises(InputError, match="--shard needs --seed"):
        GenerateRequest(output=output, shard=Shard(1, 2))
    with pytest.raises(InputError, match=r"give -o a name that ends in \.h5"):
        GenerateRequest(output="a.png", shard=Shard(1, 2), seed=5)
    assert list(tmp_path.iterdir()) == []


# The output


def test_what_exists_is_kept_without_force(store_parts: list[Path], tmp_path: Path):
    output = tmp_path / "whole.h5"
    output.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists already"):
        merge(store_parts, output)
    assert output.read_bytes() == b"precious"
    assert facegen("merge", *store_parts, "-o", output, "--force").exit_code == 0
    assert info(output)["rows"] == 300


def test_one_part_is_open_at_a_time(
    store_parts: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    most = 0

    class Counting(part_reader.PartReader):
        def open(self, number: int) -> Any:
            nonlocal most
            opened = super().open(number)
            names = [Path(link).resolve() for link in Path("/proc/self/fd").iterdir()]
            most = max(most, len({path for path in names if path in set(store_parts)}))
            return opened

    monkeypatch.setattr("facegen.api.merge.PartReader", Counting)
    merge(store_parts, tmp_path / "whole.h5")
    assert most == 1


@pytest.mark.slow
def test_killed_at_any_moment_a_merge_leaves_the_old_file_or_none_and_runs_again(toy_weights: Path):
    environment = python_environment() | {"FACEGEN_WEIGHTS": str(toy_weights)}
    command = [sys.executable, str(REPOSITORY / "examples" / "kill_merge.py")]
    command += ["--kills", "30", "--rows", "301"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"30 kills of a merge, \d+ of them too late; no harm\n", done.stdout)
