"""What generate can do, asked for from a program: the same as from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facegen import (
    Codec,
    Directions,
    FaceSet,
    GeneratedFile,
    GenerateRequest,
    Latents,
    MoveChoice,
    Sampler,
    SamplerChoice,
    Weights,
    generate,
    generate_files,
    read_latents,
)
from facegen.errors import InputError, MissingFileError, OutputError
from facegen.images.sheets import read_grid
from facegen.io.provenance import read_provenance


def faces_of(path: Path) -> np.ndarray:
    """The faces of a sheet, uint8 (n, height, width, 3)."""
    with Image.open(path) as sheet:
        grid = read_grid(read_provenance(sheet), sheet.size)
        pixels = np.asarray(sheet)
    assert grid is not None
    side = grid.height
    tiles = [pixels[y : y + side, x : x + side] for x, y in grid.corners()]
    return np.stack(tiles[: grid.count])


def refuse(number: int) -> None:
    raise AssertionError(f"faces were made: {number}")


def test_a_sweep_makes_a_sheet_of_the_faces_of_each_limit(work: Path, tmp_path: Path):
    request = GenerateRequest(tmp_path / "s.png", count=3, seed=5, sweep=(0.5, 2.0))
    done = generate_files(request)
    assert [one.path.name for one in done] == ["s-r0.5.png", "s-r2.png"]
    for one, limit in zip(done, (0.5, 2.0), strict=True):
        assert one.sampler == {"name": "uniform", "r_limit": limit}
        expected = generate(3, seed=5, sampler=SamplerChoice(r_limit=limit))
        np.testing.assert_array_equal(faces_of(one.path), expected)


@pytest.mark.parametrize("rows", [[3, 17, 5], "3,17,5", np.array([3, 17, 5])], ids=repr)
@pytest.mark.parametrize("points", ["z", "mu"])
def test_rows_of_a_store_are_decoded_as_they_lie_there(
    rows: Any, points: str, work: Path, tmp_path: Path
):
    output = tmp_path / "{n}-of-{date}.png"
    request = GenerateRequest(output, latents="latents.h5", rows=rows, points=points)
    (done,) = generate_files(request)
    assert done.path.name.startswith("3-of-2")
    assert list(done.rows) == [3, 17, 5]
    with Latents.open("latents.h5") as store:
        assert done.seed == store.origin.seed
    expected = Codec(Weights.load()).decode(read_latents("latents.h5", [3, 17, 5], array=points))
    np.testing.assert_array_equal(faces_of(done.path), expected)


@pytest.mark.parametrize(
    ("rows", "message"), [([], "no rows given"), ([3, 300], "300"), ("3;4", "no row number")]
)
def test_rows_that_are_not_there_are_refused(rows: Any, message: str, work: Path, tmp_path: Path):
    request = GenerateRequest(tmp_path / "x.png", latents="latents.h5", rows=rows)
    with pytest.raises(InputError, match=message):
        generate_files(request)
    assert list(tmp_path.iterdir()) == []


def test_nearest_faces_are_told_for_the_rows_of_each_page(work: Path, tmp_path: Path):
    request = GenerateRequest(
        tmp_path / "near.png", count=12, seed=5, columns=1, nearest="latents.h5", faces="faces.h5"
    )
    done = generate_files(request)
    assert [list(one.rows) for one in done] == [list(range(10)), [10, 11]]
    with FaceSet.open("faces.h5") as face_set:
        for one in done:
            assert one.nearest is not None
            shown = faces_of(one.path)
            np.testing.assert_array_equal(shown[0], generate(12, seed=5)[one.rows[0]])
            found = np.array([one.nearest[0]["row"]])
            np.testing.assert_array_equal(shown[1], face_set.read(found)[0])
    assert done[0].held_out_distances == done[1].held_out_distances
    assert done[0].held_out_distances is not None


def test_individual_pictures_and_a_face_set_are_one_output_each(work: Path, tmp_path: Path):
    asked = (
        GenerateRequest(individual=tmp_path / "of-{seed}", count=3, seed=5),
        GenerateRequest(tmp_path / "new.h5", count=3, seed=5),
    )
    folder, file = (generate_files(request)[0] for request in asked)
    expected = generate(3, seed=5)
    assert folder.path == tmp_path / "of-5"
    for row in range(3):
        picture = np.asarray(Image.open(folder.path / f"face-{row}.png"))
        np.testing.assert_array_equal(picture, expected[row])
    with FaceSet.open(file.path) as face_set:
        np.testing.assert_array_equal(face_set.images, expected)


def test_a_run_tells_its_seed_its_size_its_warnings_and_what_it_wrote(work: Path, tmp_path: Path):
    seeds: list[int] = []
    warnings: list[str] = []
    totals: list[int] = []
    counted: list[int] = []
    written: list[GeneratedFile] = []
    request = GenerateRequest(tmp_path / "s.png", count=4, sweep=(900.0, 950.0))
    done = generate_files(
        request,
        on_seed=seeds.append,
        on_warning=warnings.append,
        started=totals.append,
        progress=counted.append,
        on_written=written.append,
    )
    assert seeds == [done[0].seed]
    assert [line.partition(": ")[0] for line in warnings] == [str(one.path) for one in done]
    assert all("lie further out than all training faces" in line for line in warnings)
    assert totals == [8]
    assert sum(counted) == 8
    assert written == done


def test_faces_are_moved_by_choice(work: Path, tmp_path: Path):
    move = MoveChoice({"Smiling": 2.0}, without=["Male"], attributes="attributes.h5")
    offset = Directions.read("attributes.h5").offset({"Smiling": 2.0}, ["Male"])
    z = Sampler().sample(range(4), len(offset), seed=5)
    expected = Codec(Weights.load()).decode(z + offset)
    np.testing.assert_array_equal(generate(4, seed=5, move=move), expected)
    (done,) = generate_files(GenerateRequest(tmp_path / "m.png", count=4, seed=5, move=move))
    np.testing.assert_array_equal(faces_of(done.path), expected)
    assert done.sampler["move"]["attributes"] == {"Smiling": 2.0}


def test_a_choice_of_points_gives_those_of_its_sampler(work: Path):
    for choice, sampler in (
        (SamplerChoice(), Sampler()),
        (SamplerChoice(r_limit=2.0), Sampler(r_limit=2.0)),
        (SamplerChoice(sigma=0.5), Sampler(sigma=0.5)),
    ):
        expected = generate(3, seed=5, sampler=sampler)
        np.testing.assert_array_equal(generate(3, seed=5, sampler=choice), expected)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "name an output, or a folder"),
        ({"output": "x.jpg"}, r"-o must end in .png \(a sheet\) or .h5"),
        ({"output": "x"}, "-o must end in .png"),
        ({"output": "x.png", "individual": "d"}, "--individual goes without -o and --sweep"),
        ({"output": "x.png", "rows": "3"}, "--latents and --rows go together"),
        ({"output": "x.png", "latents": "l.h5"}, "--latents and --rows go together"),
        (
            {"output": "x.png", "latents": "l.h5", "rows": [3], "count": 3, "seed": 0},
            "--latents has points of its own; leave out --n, --seed",
        ),
        (
            {"output": "x.png", "sweep": [1.0], "choice": SamplerChoice(r_limit=1.0)},
            "--sweep is for cubes of several sizes; leave out --r-limit",
        ),
        (
            {"output": "o/x.png", "sweep": [2.0, 1.0, 2.0]},
            "--sweep has two steps whose sheet is o/x-r2.png",
        ),
        ({"output": "x.h5", "sweep": [1.0]}, "--sweep makes sheets"),
        ({"output": "x.png", "faces": "f.h5"}, "--faces goes with --nearest"),
        ({"output": "x.h5", "nearest": "l.h5"}, "--nearest makes sheets of one kind"),
        ({"output": "x.png", "count": 0}, "count must be at least 1, not 0"),
        ({"output": "x.png", "points": "logvar"}, "points must be z or mu, not 'logvar'"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_request_that_does_not_go_together_is_refused(values: dict[str, Any], message: str):
    with pytest.raises(InputError, match=f"^{message}"):
        GenerateRequest(**values)


def test_a_move_along_no_label_or_along_one_that_is_left_out_is_refused():
    with pytest.raises(InputError, match="--without and --attributes go with --attribute"):
        MoveChoice({}, without=["Male"])
    with pytest.raises(InputError, match="Male is given twice"):
        MoveChoice({"Smiling": 1.0, "Male": 1.0}, without=["Male"])


def test_what_is_missing_or_there_already_is_told_before_any_face_is_made(
    work: Path, tmp_path: Path
):
    output = tmp_path / "x.png"
    for values in ({"weights": "no"}, {"nearest": "no.h5"}, {"choice": SamplerChoice("no.h5")}):
        request = GenerateRequest(output, **values)
        with pytest.raises(MissingFileError, match="no"):
            generate_files(request, started=refuse)
    output.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        generate_files(GenerateRequest(output), progress=refuse)
    assert output.read_text() == "mine"
