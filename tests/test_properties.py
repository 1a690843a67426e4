"""Properties of what goes in and out: options, row lists, damaged files, seeds of the fuzzer.

Round trips that belong to one module stand in its tests: provenance and sheets (test_sheets.py),
pixels (test_images.py), stores (test_latents.py), options and JSON (test_options.py), row lists
(test_query.py), sampling (test_sampling.py).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from facegen.cli.attribute_options import Amounts
from facegen.cli.options import BOX, SIZES, FiniteFloat, NumberList
from facegen.cli.terminal import printable
from facegen.errors import FacegenError, InputError
from facegen.images.photo_sources import as_text, find_photos
from facegen.images.sharpening import Sharpening
from facegen.io.face_set import FaceSet
from facegen.io.face_set_writer import FaceSetWriter
from facegen.io.files import atomic_output
from facegen.row_ranges import MAX_ROW, format_rows, parse_rows
from running import REPOSITORY, facegen

sys.path.insert(0, str(REPOSITORY / "fuzz"))

from readers import TARGETS, check

SEEDS = sorted((REPOSITORY / "fuzz" / "seeds").glob("*/*"))
# Names of files: no slash, no zero byte, not "." and "..", at most 200 bytes.
file_names = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1).filter(
    lambda name: name not in (".", "..") and len(name.encode()) <= 200
)


def converted(kind: click.ParamType, text: str) -> object:
    """What an option makes of a text; None if it refuses it as wrong usage."""
    try:
        return kind.convert(text, None, None)
    except click.UsageError:
        return None


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=9))
def test_a_list_of_numbers_survives_its_text(numbers: list[float]):
    text = ",".join(map(repr, numbers))
    assert NumberList(FiniteFloat(0, 1000)).convert(text, None, None) == tuple(numbers)


@given(st.lists(st.integers(1, 65536), min_size=1, max_size=9))
def test_a_list_of_sizes_survives_its_text(sizes: list[int]):
    assert SIZES.convert(" , ".join(map(str, sizes)), None, None) == tuple(sizes)


@given(st.dictionaries(st.text("Aa_é =", min_size=1), st.floats(-100, 100), min_size=1))
def test_amounts_survive_their_text(amounts: dict[str, float]):
    named = {name.strip(): amount for name, amount in amounts.items() if name.strip()}
    if named:
        text = ",".join(f"{name}={amount!r}" for name, amount in named.items())
        assert dict(Amounts().convert(text, None, None)) == named


@given(st.text() | st.from_regex(r"[-+0-9.,eEnaif ]{1,12}", fullmatch=True))
def test_no_text_gets_past_a_number(text: str):
    """What an option accepts is a finite number in its range, whatever is written."""
    found = converted(FiniteFloat(0, 10), text)
    assert found is None or (isinstance(found, float) and 0 <= found <= 10)
    box = converted(BOX, text)
    assert box is None or (isinstance(box, tuple) and len(box) == 4)
    for _, amount in converted(Amounts(), text) or ():  # type: ignore[attr-defined]
        assert math.isfinite(amount)


@settings(max_examples=30)
@given(
    st.sampled_from(["--n", "--r-limit", "--sigma", "--seed", "--sweep", "--columns", "--sharpen"]),
    st.text(max_size=8).filter(lambda text: "\0" not in text) | st.floats().map(repr),
)
def test_a_value_is_refused_as_wrong_usage_or_taken(option: str, value: str):
    """The option behind it is wrong, so that nothing is done when the value is right."""
    result = facegen("generate", f"{option}={value}", "--no-such-option")
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_the_text_of_rows_is_read_as_the_same_rows_whatever_stands_between(rows: list[int]):
    text = format_rows(rows).replace(",", " ,\n ")
    assert parse_rows(text).tolist() == rows


@given(st.text() | st.from_regex(r"[-0-9, ]{1,30}", fullmatch=True))
def test_no_text_gives_rows_that_do_not_exist(text: str):
    try:
        rows = parse_rows(text)
    except InputError:
        return
    assert rows.dtype == np.int64
    assert len(rows) > 0
    assert 0 <= rows.min() <= rows.max() <= MAX_ROW


@given(st.text())
def test_what_is_printed_stays_on_its_line(text: str):
    shown = printable(text)
    assert shown.isprintable() or not shown
    assert printable(shown) == shown
    assert len((shown + "x").splitlines()) == 1


@given(st.binary())
def test_a_name_of_any_bytes_becomes_text(name: bytes):
    text = as_text(name.decode(errors="surrogateescape"))
    assert text.encode().decode() == text
    if b"\xef\xbf\xbd" not in name and "\ufffd" not in text:
        assert text.encode() == name


@settings(max_examples=15)
@given(st.sets(file_names, max_size=5))
def test_photos_of_any_name_are_found(tmp_path_factory: pytest.TempPathFactory, names: set[str]):
    folder = tmp_path_factory.mktemp("photos")
    expected = {f"x{name}.png" for name in names}  # else some are hidden
    for name in expected:
        (folder / name).write_bytes(name.encode())
    found = {photo.name: photo.read() for photo in find_photos([folder])}
    assert found == {name: name.encode() for name in expected}


@settings(max_examples=15)
@given(file_names, st.binary(max_size=99))
def test_an_output_of_any_name_is_written(
    tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes
):
    path = tmp_path_factory.mktemp("out") / name
    with atomic_output(path) as temporary:
        temporary.write_bytes(content)
    assert [(item.name, item.read_bytes()) for item in path.parent.iterdir()] == [(name, content)]


@settings(max_examples=15)
@given(st.data())
def test_a_face_set_gives_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
):
    count, size = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 5))
    images = data.draw(npst.arrays(np.uint8, (count, size, size, 3)))
    no_zero = st.text(st.characters(exclude_characters="\0", codec="utf-8"))
    names = data.draw(st.lists(no_zero, min_size=count, max_size=count))
    is_test = data.draw(npst.arrays(bool, count))
    cut = data.draw(st.integers(0, count))
    path = tmp_path_factory.mktemp("faces") / "faces.h5"
    with FaceSetWriter(path, size=size, source="s", crop="c") as writer:
        for rows in (slice(cut), slice(cut, count)):
            writer.append(images[rows], names[rows])
        writer.set_split(is_test)
    with FaceSet.open(path) as faces:
        np.testing.assert_array_equal(faces.read(np.arange(count)), images)
        assert faces.read_names(np.arange(count)) == names
        np.testing.assert_array_equal(faces.is_test, is_test)


@given(st.floats(0, 1000), npst.arrays(np.uint8, (2, 6, 6, 3)))
def test_sharpening_keeps_shape_and_flat_faces(factor: float, faces: np.ndarray):
    assert Sharpening(factor).apply_to_faces(faces).shape == faces.shape
    flat = np.broadcast_to(faces[:, :1, :1], faces.shape)
    np.testing.assert_array_equal(Sharpening(factor).apply_to_faces(flat), flat)


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_seeds_of_the_fuzzer_are_read(path: Path):
    if path.suffix == ".parquet":
        pytest.importorskip("pyarrow")
    TARGETS[path.parent.name](path.read_bytes())


def test_every_target_of_the_fuzzer_has_seeds():
    assert {path.parent.name for path in SEEDS} == set(TARGETS)
    assert all(path.stat().st_size < 20_000 for path in SEEDS)


def damaged(seed: bytes, draw: Callable[[st.SearchStrategy], int]) -> bytes:
    """A seed with one byte changed, or cut off."""
    data = bytearray(seed)
    position = draw(st.integers(0, len(data) - 1))
    if draw(st.booleans()):
        return bytes(data[:position])
    data[position] ^= draw(st.integers(1, 255))
    return bytes(data)


@settings(max_examples=150)
@given(st.sampled_from([path for path in SEEDS if path.suffix != ".h5"]), st.data())
def test_a_damaged_seed_is_read_or_refused(path: Path, data: st.DataObject):
    """HDF5 files are left to the fuzzer: HDF5 1.14 hangs on some (docs/bad-input.md)."""
    check(path.parent.name, damaged(path.read_bytes(), data.draw))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("data", [b"", b"\x89HDF\r\n\x1a\n", b"\x89PNG\r\n\x1a\n", bytes(999)])
def test_what_is_no_file_of_the_kind_is_refused(target: str, data: bytes):
    with pytest.raises(FacegenError):
        TARGETS[target](data)
