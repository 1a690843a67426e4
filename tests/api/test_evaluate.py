"""evaluate: its result, its stamp, what may be compared, and the command."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from facegen.analysis import quality
from facegen.analysis.evaluation import check_comparable, read_result
from facegen.analysis.plots import plot_evaluation
from facegen.api.evaluate import evaluate
from facegen.cli.evaluate import table
from facegen.errors import InputError, MissingFileError
from facegen.io.face_set import FaceSet
from facegen.io.face_set_writer import FaceSetWriter
from facegen.io.weights import Weights
from facegen.latent import random_points
from facegen.latent.samplers import Sampler
from facegen.model.codec import Codec
from running import facegen

COUNT = 15  # of the 30 toy test faces


def judge(faces: Path, **options) -> dict:
    """An evaluation without the networks, which test_judging.py is about."""
    return evaluate(faces, networks=False, **options)


@pytest.fixture(scope="module")
def result(toy_faces: Path, toy_weights: Path) -> dict:
    return judge(toy_faces, weights=toy_weights, count=COUNT, seed=3)


def write_faces(path: Path, images: np.ndarray) -> Path:
    """A face set of training images."""
    with FaceSetWriter(path, size=images.shape[1], source="test", crop="none") as writer:
        writer.append(images, [str(i) for i in range(len(images))])
    return path


def test_the_result_is_json_with_the_figures_of_the_generated_faces(result, toy_weights: Path):
    assert json.loads(json.dumps(result)) == result
    z = Sampler().sample(range(COUNT), 8, seed=3)
    faces = Codec(Weights.load(toy_weights)).decode(z)
    assert result["figures"]["sharpness"] == quality.sharpness(faces)
    assert result["figures"]["diversity"] == quality.diversity(faces)
    assert set(result["figures"]["patch_distance"]) == {"32", "16", "8"}
    assert result["subject"]["weights"]["name"] == "toy"
    assert result["subject"]["sampler"] == {"name": "normal", "sigma": 1.0}


def test_real_faces_are_nearer_to_real_faces_than_generated_ones(toy_faces, toy_weights):
    result = judge(toy_faces, weights=toy_weights)  # of as many faces as there are
    for size, distance in result["real"]["patch_distance"].items():
        assert distance < result["figures"]["patch_distance"][size]
    assert result["real"]["texture"] < result["figures"]["texture"]


def test_the_reconstruction_is_measured_on_the_same_held_out_faces(result, toy_faces, toy_weights):
    reconstruction = result["reconstruction"]
    assert reconstruction["excess"] > 0
    assert 0 < reconstruction["ssim"] < 1
    again = judge(toy_faces, weights=toy_weights, count=COUNT, seed=3, sampler=Sampler(r_limit=1))
    assert again["reconstruction"] == reconstruction
    assert again["real"] == result["real"]
    assert again["figures"] != result["figures"]


def test_memorised_faces_are_found_out(toy_faces: Path, tmp_path: Path):
    with FaceSet.open(toy_faces) as faces:
        copied = faces.read(faces.rows("train")[:COUNT])
        mirrored = np.ascontiguousarray(faces.read(faces.rows("train")[:COUNT])[:, :, ::-1])
    for images in (copied, mirrored):
        source = write_faces(tmp_path / "copied.h5", images)
        near = judge(toy_faces, images=source, count=COUNT)["nearest"]["pixels"]
        assert near["subject"]["1"] < 2e-3  # the root of float32's rounding
        assert near["real"]["0"] > 0.01
        source.unlink()


def test_held_out_faces_are_no_nearer_to_training_faces(toy_faces: Path, tmp_path: Path):
    with FaceSet.open(toy_faces) as faces:
        # Half of the toy people: strangers to both the training faces and the chosen ones.
        held_out = faces.read(faces.rows("test"))
    source = write_faces(tmp_path / "held-out.h5", held_out)
    near = judge(toy_faces, images=source, count=COUNT)["nearest"]["pixels"]
    assert near["nearer_to_training"] == 0  # each of them is itself among the held-out faces
    assert near["subject"]["0.5"] == pytest.approx(near["real"]["0.5"], rel=0.5)


def test_a_folder_of_pictures_can_be_judged(toy_faces: Path, toy_weights: Path, tmp_path: Path):
    from PIL import Image

    folder = tmp_path / "pictures"
    folder.mkdir()
    z = Sampler().sample(range(6), 8, seed=0)
    pixels = Codec(Weights.load(toy_weights)).decode(z)
    for i, face in enumerate(pixels):
        Image.fromarray(face).save(folder / f"{i}.png")
    result = judge(toy_faces, images=folder)
    assert result["stamp"]["count"] == 6
    assert result["figures"]["sharpness"] == quality.sharpness(pixels)
    assert "reconstruction" not in result


def test_too_few_held_out_faces_are_refused(toy_faces: Path, toy_weights: Path):
    with pytest.raises(InputError, match="30 held-out faces, fewer than the 31 that are needed"):
        judge(toy_faces, weights=toy_weights, count=31)


def test_all_held_out_faces_are_the_measure_by_default(toy_faces: Path, toy_weights: Path):
    assert judge(toy_faces, weights=toy_weights)["stamp"]["count"] == 30


def test_what_the_model_makes_of_held_out_faces_is_judged_too(result, toy_faces, toy_weights):
    codec = Codec(Weights.load(toy_weights))
    with FaceSet.open(toy_faces) as faces:
        real = faces.read(np.sort(random_points.select(faces.rows("test"), COUNT, seed=3)))
    mu, logvar = codec.encode(real)
    noise = random_points.normal(range(COUNT), 8, seed=3, stream=random_points.EPSILON)
    z = mu + np.exp(logvar / 2) * np.clip(noise, -5, 5)
    assert result["reconstructions"]["sharpness"] == quality.sharpness(codec.decode(mu))
    assert result["posterior"]["sharpness"] == pytest.approx(
        quality.sharpness(codec.decode(z)), rel=1e-3
    )


def test_pictures_of_another_size_are_refused(toy_faces: Path, tmp_path: Path):
    source = write_faces(tmp_path / "large.h5", np.zeros((5, 40, 40, 3), np.uint8))
    with pytest.raises(InputError, match="faces of 40x40 pixels, those it is compared with 32x32"):
        judge(toy_faces, images=source)


def test_results_with_different_stamps_refuse_to_be_compared(result):
    check_comparable({"a": result, "b": result})
    for name, value in (("seed", 4), ("crop", "box"), ("count", 14), ("faces", "0")):
        other = {**result, "stamp": {**result["stamp"], name: value}}
        with pytest.raises(InputError, match=f"a and b can't be compared: {name} "):
            check_comparable({"a": result, "b": other})


def test_what_is_not_a_result_is_refused(tmp_path: Path):
    (tmp_path / "a.json").write_text("[1]")
    (tmp_path / "b.json").write_text("{")
    for name in ("a.json", "b.json"):
        with pytest.raises(InputError, match=name):
            read_result(tmp_path / name)
    with pytest.raises(MissingFileError, match=r"c\.json does not exist"):
        read_result(tmp_path / "c.json")


def test_the_plot_shows_the_result(result):
    image = plot_evaluation(result)
    assert image.size == (1200, 400)
    changed = copy.deepcopy(result)
    changed["nearest"]["pixels"]["subject"]["0.5"] *= 2
    assert image.tobytes() != plot_evaluation(changed).tobytes()


def test_the_table_has_a_column_for_each_result_and_one_for_real_faces(result):
    lines = table({"one": result, "two": result})
    assert lines[0].split() == ["one", "two", "real", "faces"]
    sharpness = f"{result['figures']['sharpness']:.4f}"
    row = next(line for line in lines if line.startswith("sharpness"))
    assert row.split()[1:3] == [sharpness, sharpness]


def test_the_command_writes_its_result_and_compares(
    toy_faces: Path, toy_weights: Path, tmp_path: Path
):
    outputs = []
    for seed in (0, 1):
        output = tmp_path / f"{seed}.json"
        arguments = ["evaluate", toy_faces, "--weights", toy_weights, "--n", COUNT, "-o", output]
        done = facegen(*arguments, "--pixels-only", "--seed", seed)
        assert done.exit_code == 0, done.output
        assert done.stdout == f"{output}\n"
        outputs.append(str(output))
    done = facegen("evaluate", "--compare", outputs[0], outputs[0])
    assert done.exit_code == 0
    assert "patch distance" in done.stdout
    done = facegen("evaluate", "--compare", *outputs)
    assert isinstance(done.exception, InputError)
    assert "seed 0 and 1" in str(done.exception)
