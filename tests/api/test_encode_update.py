"""encode --update: a store that follows its face set is the store of a fresh run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from facegen.api import encode_update
from facegen.api.encode import Encoded, encode
from facegen.api.prepare import prepare
from facegen.errors import InputError, OutputError
from facegen.io.latent_store import Latents
from facegen.io.locks import exclusive
from running import facegen
from toys import TOY_SIZE

SUCCESSOR = ".latents.h5.successor"


def add_photos(*numbers: int) -> None:
    Path("photos").mkdir(exist_ok=True)
    for number in numbers:
        noise = np.random.default_rng(number).integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(noise).save(f"photos/{number:04}.png")


def update_faces() -> None:
    prepare("photos", "faces.h5", size=TOY_SIZE, update=True, workers=1)


def forget(*numbers: int) -> None:
    prepare((), "faces.h5", forget=[f"{number:04}.png" for number in numbers])


@pytest.fixture
def weights(toy_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Toy weights as the default, with faces.h5 of 20 photos and its latents.h5 beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACEGEN_WEIGHTS", str(toy_weights))
    add_photos(*range(20))
    update_faces()
    encode("faces.h5", "latents.h5", seed=7)
    return toy_weights


def update(**options: Any) -> Encoded:
    return encode("faces.h5", "latents.h5", update=True, **options)


def content(path: str) -> dict[str, Any]:
    with h5py.File(path) as file:
        return {name: data[()] for name, data in file.items()} | dict(file.attrs)


def check_fresh(**options: Any) -> None:
    """The store is that of a fresh run, dataset by dataset, and nothing else is left."""
    encode("faces.h5", "fresh.h5", seed=7, force=True, **options)
    found, expected = content("latents.h5"), content("fresh.h5")
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    assert sorted(os.listdir()) == ["faces.h5", "fresh.h5", "latents.h5", "photos"]


def test_only_new_rows_are_encoded_and_old_ones_keep_every_byte(weights: Path):
    before = content("latents.h5")
    add_photos(*range(20, 27))
    update_faces()
    done: list[int] = []
    result = update(progress=done.append)
    assert (result.rows, result.resumed_at, sum(done), result.seed) == (27, 20, 7, 7)
    after = content("latents.h5")
    for name in ("mu", "logvar", "z"):
        assert after[name][:20].tobytes() == before[name].tobytes()
    check_fresh()


def test_several_changes_of_the_face_set_are_followed_at_once(weights: Path):
    add_photos(20, 21)
    update_faces()
    forget(3, 20)
    add_photos(22)
    update_faces()
    forget(0)
    result = update()
    assert (result.rows, result.resumed_at) == (20, 18)
    check_fresh()


def test_rows_behind_a_forgotten_one_get_the_z_of_their_new_number(weights: Path):
    before = content("latents.h5")
    forget(5)
    assert update().resumed_at == 19
    after = content("latents.h5")
    np.testing.assert_array_equal(after["mu"], np.delete(before["mu"], 5, 0))
    np.testing.assert_array_equal(after["z"][:5], before["z"][:5])
    assert (after["z"][5:] != before["z"][6:]).any(axis=1).all()
    assert b"0005.png" not in Path("latents.h5").read_bytes()
    check_fresh()


def test_where_nothing_has_changed_nothing_is_written(weights: Path):
    before = os.stat("latents.h5")
    done = facegen("encode", "faces.h5", "-o", "latents.h5", "--update", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["encoded"] == 0
    assert done.stderr == "latents.h5: complete\n"
    after = os.stat("latents.h5")
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_the_first_update_makes_the_store(weights: Path):
    Path("latents.h5").unlink()
    assert update(seed=7).resumed_at == 0
    check_fresh()


class KilledError(Exception):
    pass


def kill_after(rows: int, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
    """An encoding that ends when so many rows are encoded, as a kill would end it."""
    seen: list[int] = []

    def count(done: int) -> None:
        seen.append(done)
        if sum(seen) >= rows:
            raise KilledError

    monkeypatch.setattr("facegen.api.encode.BATCH", 2)
    with pytest.raises(KilledError):
        encode("faces.h5", "latents.h5", progress=count, flush_seconds=0, **options)


def test_a_store_that_was_not_complete_is_followed(weights: Path, monkeypatch):
    Path("latents.h5").unlink()
    kill_after(6, monkeypatch, seed=7)
    add_photos(30)
    update_faces()
    assert update().resumed_at == 6
    check_fresh()


def test_an_update_that_was_broken_off_goes_on_where_it_ended(weights: Path, monkeypatch):
    add_photos(*range(20, 30))
    update_faces()
    before = Path("latents.h5").read_bytes()
    kill_after(4, monkeypatch, update=True)
    assert Path("latents.h5").read_bytes() == before
    with Latents.open(SUCCESSOR) as begun:
        assert (len(begun), begun.rows) == (24, 30)
    assert update().resumed_at == 24
    check_fresh()


def test_what_was_encoded_before_a_kill_counts_when_the_face_set_has_grown_again(
    weights: Path, monkeypatch
):
    add_photos(*range(20, 30))
    update_faces()
    kill_after(4, monkeypatch, update=True)
    add_photos(30, 31)
    update_faces()
    forget(2, 21)
    assert update().resumed_at == 22
    check_fresh()


def test_a_successor_of_another_seed_is_begun_anew(weights: Path, monkeypatch):
    add_photos(*range(20, 30))
    update_faces()
    encode("faces.h5", "latents.h5", seed=8, force=True)
    add_photos(30)
    update_faces()
    kill_after(1, monkeypatch, update=True)
    encode("faces.h5", "latents.h5", seed=7, force=True)
    add_photos(31)
    update_faces()
    assert update().resumed_at == 31
    check_fresh()


def test_a_file_of_the_successor_s_name_that_is_none_stays(weights: Path):
    Path(SUCCESSOR).write_text("mine")
    add_photos(20)
    update_faces()
    with pytest.raises(InputError, match=f"{SUCCESSOR} is not an HDF5 file"):
        update()
    assert Path(SUCCESSOR).read_text() == "mine"


def test_a_store_of_something_else_is_refused(weights: Path):
    add_photos(20)
    before = Path("latents.h5").read_bytes()
    prepare("photos", "other.h5", size=TOY_SIZE, workers=1)
    with pytest.raises(OutputError, match=r"latents\.h5 was made from another input"):
        encode("other.h5", "latents.h5", update=True)
    update_faces()
    with pytest.raises(OutputError, match="was made with seed 7, not 8"):
        update(seed=8)
    with pytest.raises(OutputError, match=r"was made with epsilon_scale 1\.0, not 0\.5"):
        update(epsilon_scale=0.5)
    assert Path("latents.h5").read_bytes() == before
    assert sorted(os.listdir()) == ["faces.h5", "latents.h5", "other.h5", "photos"]


def test_photos_can_t_update_a_store(weights: Path):
    done = facegen("encode", "photos", "-o", "latents.h5", "--update", "--workers", 1)
    assert done.exit_code == 1
    assert "photos can't update a store, only a face set can" in str(done.exception)
    assert facegen("encode", "faces.h5", "--update", "--force").exit_code == 2


def test_a_reader_of_the_old_store_is_not_disturbed(weights: Path):
    before = content("latents.h5")
    with Latents.open("latents.h5") as store:
        add_photos(20)
        update_faces()
        update()
        np.testing.assert_array_equal(store.read(np.arange(20)), before["z"])


def test_a_second_writer_is_refused(weights: Path):
    with (
        exclusive("latents.h5"),
        pytest.raises(OutputError, match=r"another facegen \(process \d+\) is writing"),
    ):
        update()


def test_a_store_that_another_program_replaced_meanwhile_stays(weights: Path, monkeypatch):
    def replace(*arguments: Any) -> None:
        copy(*arguments)
        Path("other").write_bytes(b"somebody's")
        os.replace("other", "latents.h5")

    copy = encode_update._copy_rows
    monkeypatch.setattr(encode_update, "_copy_rows", replace)
    add_photos(20)
    update_faces()
    with pytest.raises(OutputError, match="was replaced by another program while its successor"):
        update()
    assert Path("latents.h5").read_bytes() == b"somebody's"


def test_a_store_of_the_same_photos_prepared_anew_is_followed(weights: Path):
    """As one that was made from a face set of format 1: it has the same fingerprint."""
    Path("faces.h5").unlink()
    update_faces()
    add_photos(20)
    update_faces()
    assert update().resumed_at == 20
    check_fresh()


def test_a_link_to_a_store_stays_a_link(weights: Path):
    Path("photos/elsewhere").mkdir()
    os.rename("latents.h5", "photos/elsewhere/real.h5")
    os.symlink("photos/elsewhere/real.h5", "latents.h5")
    add_photos(20)
    update_faces()
    assert update().resumed_at == 20
    assert os.readlink("latents.h5") == "photos/elsewhere/real.h5"
    check_fresh()


def test_what_was_made_from_rows_that_are_there_still_is_made_again(weights: Path):
    made = facegen("morph", "faces.h5:3", "faces.h5:4", "--steps", 1, "-o", "strip.png")
    assert made.exit_code == 0
    add_photos(20)
    update_faces()
    forget(9)
    done = facegen("reproduce", "strip.png")
    assert (done.exit_code, done.stderr) == (0, "identical\n")


def test_reproduce_says_what_is_gone_and_what_has_grown(weights: Path):
    add_photos(20)
    update_faces()
    done = facegen("reproduce", "latents.h5")
    assert done.exit_code == 1
    grown = "faces.h5 has grown since the original was made from it, from 20 rows to 21"
    assert grown in str(done.exception)
    assert facegen("morph", "faces.h5:3", "faces.h5:4", "-o", "strip.png").exit_code == 0
    forget(3)
    done = facegen("reproduce", "strip.png")
    assert done.exit_code == 1
    gone = "not what the original was made from any more: 1 of its 21 photos were forgotten since"
    assert gone in str(done.exception)
