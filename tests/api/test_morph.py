"""morph: paths through the latent space, the names of points, strips and animations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facegen.api.generate import generate
from facegen.api.info import info
from facegen.api.morph import morph, morph_points
from facegen.errors import FacegenError, InputError, MissingFileError, OutputError
from facegen.images import animation
from facegen.images.animation import find_ffmpeg, save_animation, there_and_back
from facegen.images.sheets import read_grid
from facegen.io.face_set import FaceSet
from facegen.io.files import sha256_of
from facegen.io.latent_store import read_latents
from facegen.io.provenance import Stamp, read_mp4_provenance, read_provenance
from facegen.io.temporaries import Temporary
from facegen.io.weights import Weights
from facegen.latent import random_points
from facegen.latent.directions import Directions
from facegen.latent.interpolation import linear, mix, path_between, spherical, square
from facegen.latent.sampler_choice import SamplerChoice
from facegen.latent.samplers import Sampler
from facegen.model.codec import Codec
from facegen.model.named_points import PointReader
from running import facegen
from toys import draw_photo


def has_ffmpeg() -> bool:
    try:
        return bool(find_ffmpeg())
    except FacegenError:
        return False


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.sampled_from(["spherical", "linear"]))
def test_a_path_goes_through_its_points_exactly(seed: int, steps: int, path: str):
    z = np.random.default_rng(seed).standard_normal((4, 16)).astype(np.float32)
    found = path_between(z, steps=steps, path=path)
    assert found.shape == (3 * steps + 1, 16)
    np.testing.assert_array_equal(found[::steps], z)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10), st.floats(0.1, 10))
def test_an_arc_has_even_angles_and_an_even_radius(seed: int, first: float, last: float):
    start, end = np.random.default_rng(seed).standard_normal((2, 16))
    start *= first / np.linalg.norm(start)
    end *= last / np.linalg.norm(end)
    points = spherical(start, end, np.linspace(0, 1, 6)).astype(float)
    radii = np.linalg.norm(points, axis=1)
    np.testing.assert_allclose(radii, np.linspace(first, last, 6), rtol=1e-5)
    unit = points / radii[:, None]
    cosines = (unit[1:] * unit[:-1]).sum(axis=1)
    np.testing.assert_allclose(cosines, cosines[0], atol=1e-5)


def test_a_quarter_turn_is_cosine_and_sine():
    shares = np.array([0, 1 / 3, 0.5, 1])
    found = spherical(np.array([2.0, 0]), np.array([0, 2.0]), shares)
    angles = shares * np.pi / 2
    np.testing.assert_allclose(found, 2 * np.stack([np.cos(angles), np.sin(angles)], 1), atol=1e-6)


def test_arcs_without_a_plane_are_lines_or_refused():
    here, shares = np.array([1.0, 2, 3]), np.array([0.25, 0.5])
    for other in (here, 2 * here, 0 * here):
        np.testing.assert_allclose(
            spherical(here, other, shares), linear(here, other, shares), rtol=1e-6
        )
    with pytest.raises(InputError, match="opposite each other; choose --path linear"):
        spherical(here, -here, shares)


def test_a_line_is_a_weighted_mean():
    found = linear(np.array([0.0, 4]), np.array([8.0, 0]), np.array([0.25]))
    np.testing.assert_array_equal(found, [[2, 3]])


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1))
def test_a_linear_mix_is_bilinear(seed: int, u: float, v: float):
    a, b, c, d = corners = np.random.default_rng(seed).standard_normal((4, 16)).astype("f4")
    expected = (1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * c + u * d)
    np.testing.assert_allclose(mix(corners, [(u, v)], path="linear")[0], expected, atol=1e-5)
    np.testing.assert_allclose(
        mix(corners[:2], [(u,)], path="linear")[0], (1 - u) * a + u * b, atol=1e-5
    )


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1))
def test_a_spherical_mix_has_the_bilinear_radius(seed: int, u: float, v: float):
    corners = np.random.default_rng(seed).standard_normal((4, 16)).astype("f4")
    a, b, c, d = np.linalg.norm(corners, axis=1)
    expected = (1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * c + u * d)
    assert np.linalg.norm(mix(corners, [(u, v)])) == pytest.approx(expected, rel=1e-4)


def test_a_square_has_the_faces_in_its_corners_and_arcs_for_edges():
    a, b, c, d = corners = np.random.default_rng(3).standard_normal((4, 16)).astype("f4")
    found = mix(corners, square(5)).reshape(5, 5, 16)
    np.testing.assert_array_equal(found[[0, 0, 4, 4], [0, 4, 0, 4]], corners)
    edges = [(found[0], a, b), (found[4], c, d), (found[:, 0], a, c), (found[:, 4], b, d)]
    for edge, start, end in edges:
        np.testing.assert_array_equal(edge, path_between(np.stack([start, end]), steps=4))


@pytest.mark.parametrize(
    ("count", "place"), [(3, (0.5, 0.5)), (4, (0.5,)), (2, (0.5, 0.5)), (1, ())]
)
def test_a_mix_of_other_than_two_or_four_is_refused(count: int, place: tuple[float, ...]):
    with pytest.raises(InputError, match=f"of two faces at U, or of four at U,V, not of {count}"):
        mix(np.ones((count, 8), np.float32), [place])
    with pytest.raises(InputError, match=r"has numbers in 0\.\.1"):
        mix(np.ones((2, 8), np.float32), [(1.5,)])


def test_there_and_back_repeats_neither_end():
    assert there_and_back(np.array([0, 1, 2, 3])).tolist() == [0, 1, 2, 3, 2, 1]
    assert there_and_back(np.array([0, 1])).tolist() == [0, 1]


def test_points_have_names(
    codec: Codec, toy_store: Path, toy_faces: Path, toy_weights: Path, photos_folder: Path
):
    reader = PointReader(codec, align="no")
    photo = photos_folder / "aligned.jpg"
    names = [f"{toy_store}:3,5-6", f"{toy_faces}:4", "seed:7", "seed:7:2-3", str(photo)]
    points = list(reader.read(names))
    mu = read_latents(toy_store, [3, 5, 6], array="mu")
    np.testing.assert_array_equal([point.z for point in points[:3]], mu)
    with FaceSet.open(toy_faces) as faces:
        np.testing.assert_array_equal(points[3].original, faces.read(np.array([4]))[0])
    generated = generate(4, weights=toy_weights, seed=7)[[0, 2, 3]]
    np.testing.assert_array_equal(
        codec.decode(np.stack([point.z for point in points[4:7]])), generated
    )
    assert points[7].source["photo"] == str(photo)
    assert points[7].source["sha256"] == sha256_of(photo)
    original = points[7].original
    assert original is not None
    np.testing.assert_array_equal(points[7].z, codec.encode(original[None])[0][0])
    assert [point.source.get("row") for point in points] == [3, 5, 6, 4, 0, 2, 3, None]


@pytest.mark.parametrize(
    ("behind", "choice"),
    [
        ("r-limit=2.5", SamplerChoice(r_limit=2.5)),
        ("sigma=0.5", SamplerChoice(sigma=0.5)),
        ("radius=3", SamplerChoice(radius=3.0)),
        ("radius-percentile=5-95", SamplerChoice(radius_percentile=(5, 95))),
        ("sampler=sampler.h5,truncation=0.5", SamplerChoice("sampler.h5", truncation=0.5)),
    ],
)
def test_a_name_may_say_its_sampler(
    behind: str,
    choice: SamplerChoice,
    codec: Codec,
    toy_store: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(toy_store.parent)
    sampler = choice.make(codec.weights)[0]
    expected = sampler.sample([0, 2, 3], 8, seed=7)
    for names in ([f"seed:7:{behind}", f"seed:7:2-3:{behind}"], ["seed:7", "seed:7:2-3"]):
        reader = PointReader(codec, sampler=Sampler() if behind in names[0] else sampler)
        points = list(reader.read(names))
        np.testing.assert_array_equal(np.stack([point.z for point in points]), expected)
        assert points[1].source == {"seed": 7, "row": 2, "sampler": sampler.provenance}


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("{store}:300", InputError, "has rows 0 to 299; asked for row 300"),
        ("{faces}:300", InputError, "has rows 0 to 299; asked for row 300"),
        ("{store}", InputError, "name rows of it, such as"),
        ("{store}:5-3", InputError, "the smaller number comes first"),
        ("seed:9999999999999999999", InputError, "the seed must be in"),
        ("seed:5:3:limit=2", InputError, "'limit=2' is not one of sigma=, r-limit=, sampler=, ra"),
        ("seed:5:sigma=2,sigma=3", InputError, "'sigma=3' is not one of .*, each once at most"),
        ("seed:5:3:r-limit=nan", InputError, "'nan' is no r-limit, in 0..1000"),
        ("seed:5:3:truncation=1.5", InputError, "'1.5' is no truncation, in 0..1"),
        ("seed:5:3:radius-percentile=95-5", InputError, "'95-5' is no radius-percentile, LOW-HIGH"),
        ("seed:5:3:radius-percentile=5", InputError, "'5' is no radius-percentile, LOW-HIGH"),
        ("seed:5:3:r-limit=2,radius=3", InputError, "--radius goes with --sampler, or alone"),
        ("seed:5:3:sampler=none.h5", MissingFileError, "none.h5 does not exist"),
        ("nowhere.jpg", MissingFileError, "nowhere.jpg does not exist"),
        ("nowhere.h5:3", MissingFileError, "nowhere.h5 does not exist"),
    ],
)
def test_a_wrong_name_is_refused(
    name: str,
    kind: type[FacegenError],
    message: str,
    codec: Codec,
    toy_store: Path,
    toy_faces: Path,
):
    name = name.format(store=toy_store, faces=toy_faces)
    with pytest.raises(kind, match=message):
        list(PointReader(codec).read([name]))


def test_a_store_of_another_encoder_is_refused(toy_weights: Path, toy_store: Path):
    weights = Weights.load(toy_weights)
    weights.config["files"]["encoder.tflite"] = "0" * 64
    with pytest.raises(InputError, match="was made with other weights"):
        list(PointReader(Codec(weights)).read([f"{toy_store}:1"]))


def test_a_strip_has_a_row_for_each_pair_of_faces(codec: Codec, toy_weights: Path, tmp_path: Path):
    output = tmp_path / "morph.png"
    arguments = ["--weights", toy_weights, "--steps", 4, "--scale", 2, "-o", output]
    done = facegen("morph", "seed:5:0-2", *arguments)
    assert (done.exit_code, done.stdout) == (0, f"{output}\n"), done.output
    with Image.open(output) as sheet:
        provenance = read_provenance(sheet)
        grid = read_grid(provenance, sheet.size)
        pixels = np.asarray(sheet)
    assert provenance is not None
    assert grid is not None
    assert (grid.count, grid.columns, grid.width) == (10, 5, 64)
    assert (provenance["command"], provenance["path"]) == ("morph", "spherical")
    tiles = [pixels[y : y + 64, x : x + 64] for x, y in grid.corners()]
    np.testing.assert_array_equal(tiles[4], tiles[5])
    points = PointReader(codec).read(["seed:5:0-2"])
    faces = morph_points(codec, np.stack([point.z for point in points]), steps=4)
    large = Image.fromarray(faces[2]).resize((64, 64), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(tiles[2], large)


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_an_animation_has_its_frames_enlarged_in_order(suffix: str, tmp_path: Path):
    frames = np.stack([np.roll(np.asarray(draw_photo(32, 32)), 4 * i, axis=1) for i in range(6)])
    output = tmp_path / f"a{suffix}"
    save_animation(frames, output, {"command": "morph"}, fps=25, scale=3)
    with Image.open(output) as image:
        assert (image.n_frames, image.size, image.info["loop"]) == (6, (96, 96), 0)  # type: ignore[attr-defined]
        for number, frame in enumerate(frames):
            image.seek(number)
            found = np.asarray(image.convert("RGB"), float)
            expected = Image.fromarray(frame).resize((96, 96), Image.Resampling.LANCZOS)
            assert np.abs(found - np.asarray(expected, float)).mean() < 8
            assert image.info["duration"] == 40
    assert info(output)["provenance"]["command"] == "morph"


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_a_morph_goes_there_and_back_and_says_how_it_was_made(
    suffix: str,
    codec: Codec,
    toy_weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    shown = []
    write = animation.WRITERS[suffix]

    def write_and_keep(
        frames: np.ndarray, path: Temporary, stamp: Stamp, fps: float, scale: int
    ) -> None:
        shown.append(frames)
        write(frames, path, stamp, fps, scale)

    monkeypatch.setitem(animation.WRITERS, suffix, write_and_keep)
    output = tmp_path / f"morph{suffix}"
    arguments = ["--weights", toy_weights, "--steps", 2, "--fps", 25, "-o", output]
    assert facegen("morph", "seed:1", "seed:2", *arguments).exit_code == 0
    points = [point.z for point in PointReader(codec).read(["seed:1", "seed:2"])]
    np.testing.assert_array_equal(
        shown[0], morph_points(codec, np.stack(points), steps=2)[[0, 1, 2, 1]]
    )
    found = info(output)
    assert (found["kind"], found["width"]) == ("facegen-animation", 9 * 32)
    assert found["provenance"]["points"] == [{"seed": 1, "row": 0}, {"seed": 2, "row": 0}]
    assert (found["provenance"]["fps"], found["provenance"]["one_way"]) == (25.0, False)


@pytest.mark.skipif(not has_ffmpeg(), reason="no ffmpeg here")
def test_a_video_says_how_it_was_made(tmp_path: Path):
    frames = np.random.default_rng(0).integers(0, 255, (4, 33, 31, 3), np.uint8)
    text = {"command": "morph", "name": 'odd "signs"; ä = \\'}
    save_animation(frames, tmp_path / "a.mp4", text, fps=10)
    found = info(tmp_path / "a.mp4")
    assert found["kind"] == "facegen-video"
    assert {name: found["provenance"][name] for name in text} == text
    with pytest.raises(OutputError, match="ffmpeg can't write the video"):
        save_animation(frames[:, :0], tmp_path / "b.mp4", text, fps=10)
    assert not (tmp_path / "b.mp4").exists()


def test_without_ffmpeg_one_line_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(animation.shutil, "which", lambda name: None)
    monkeypatch.setattr(animation, "FFMPEG_PACKAGE", "no_such_package")
    frames = np.zeros((2, 8, 8, 3), np.uint8)
    with pytest.raises(FacegenError, match=r"pip install 'facegen\[video\]'"):
        save_animation(frames, tmp_path / "a.mp4", {}, fps=10)
    assert not list(tmp_path.iterdir())


def test_a_failing_ffmpeg_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    script = tmp_path / "ffmpeg"
    script.write_text("#!/bin/sh\necho 'Unknown encoder libx264' >&2\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setattr(animation, "find_ffmpeg", lambda: str(script))
    with pytest.raises(OutputError, match="can't write the video: Unknown encoder libx264"):
        save_animation(np.zeros((50, 96, 96, 3), np.uint8), tmp_path / "a.mp4", {}, fps=10)
    assert list(tmp_path.iterdir()) == [script]


@pytest.mark.parametrize("comment", [b"", b"\xa9cmt", b"\xa9cmt\0\0\0\x14data12345678nope"])
def test_a_video_of_others_has_no_provenance(comment: bytes, tmp_path: Path):
    video = tmp_path / "a.mp4"
    video.write_bytes(b"\0\0\0\x18ftypisom" + comment)
    with pytest.raises(InputError):
        read_mp4_provenance(video)


def test_a_comment_of_others_is_no_provenance(tmp_path: Path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.gif", comment=b"made by hand")
    with pytest.raises(InputError, match="carries no provenance"):
        info(tmp_path / "a.gif")
    Image.new("RGB", (8, 8)).save(tmp_path / "b.gif", comment=b'{"facegen_version": broken')
    with pytest.raises(InputError, match="the provenance is damaged"):
        info(tmp_path / "b.gif")


def test_a_mix_is_a_tile_of_the_square_of_faces_that_are_edited_first(
    codec: Codec, toy_store: Path, toy_weights: Path, tmp_path: Path
):
    attributes = toy_store.with_name("attributes.h5")
    common = ["seed:5:0-1", f"{toy_store}:7,9", "--weights", toy_weights, "--radius", 2]
    common += ["--attributes", attributes, "--attribute", "Smiling=2", "--r-limit", 1.5]
    sheet, face = tmp_path / "square.png", tmp_path / "face.png"
    assert facegen("morph", *common, "--square", 3, "--scale", 2, "-o", sheet).exit_code == 0
    assert facegen("morph", *common, "--mix", "0.5,1", "-o", face).exit_code == 0
    z = np.concatenate(
        [
            random_points.uniform([0, 1], 8, seed=5, r_limit=1.5),
            read_latents(toy_store, [7, 9], array="mu"),
        ]
    )
    z *= (2 / np.linalg.norm(z, axis=1))[:, None]
    z += 2 * Directions.read(attributes)["Smiling"]
    expected = codec.decode(path_between(z[2:], steps=2))[1]
    with Image.open(face) as picture:
        assert picture.size == (32, 32)
        assert np.abs(np.asarray(picture).astype(int) - expected).max() <= 1
        large = np.asarray(picture.resize((64, 64), Image.Resampling.LANCZOS))
    with Image.open(sheet) as picture:
        grid = read_grid(read_provenance(picture), picture.size)
        assert grid is not None
        left, upper = list(grid.corners())[7]
        tile = np.asarray(picture)[upper : upper + 64, left : left + 64]
    np.testing.assert_array_equal(tile, large)


def test_a_mix_of_three_says_what_it_takes(toy_weights: Path, tmp_path: Path):
    arguments = ["morph", "seed:5:0-2", "--weights", toy_weights, "-o", tmp_path / "m.png"]
    for option in ("--mix=0.5", "--mix=0.5,0.5"):
        done = facegen(*arguments, option)
        assert "a mix is of two faces at U, or of four at U,V, not of 3" in str(done.exception)
    done = facegen(*arguments, "--square", 3)
    assert "a square has four faces in its corners, not 3" in str(done.exception)


def test_a_place_and_a_square_at_once_are_refused(toy_weights: Path, tmp_path: Path):
    with pytest.raises(InputError, match="choose one of the two"):
        morph("seed:5:0-3", tmp_path / "m.png", mix=(0.5, 0.5), square=3, weights=toy_weights)
    with pytest.raises(OutputError, match="the name of a mix must end in"):
        morph("seed:5:0-3", tmp_path / "m.gif", square=3, weights=toy_weights)


def test_a_morph_needs_two_faces(toy_weights: Path, tmp_path: Path):
    arguments = ["--weights", toy_weights, "-o", tmp_path / "m.png"]
    done = facegen("morph", "seed:1", *arguments)
    assert "a morph needs two faces" in str(done.exception)
    (tmp_path / "empty.jpg").write_bytes(b"")
    done = facegen("morph", "seed:1", tmp_path / "empty.jpg", *arguments)
    assert "empty.jpg: the file is empty" in str(done.exception)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("morph seed:1 seed:2 -o m.avi", "-o must end in .png (a strip), .gif, .webp or .mp4"),
        ("morph seed:1 seed:2 --fps 10", "--fps and --one-way go with .gif, .webp and .mp4"),
        ("morph seed:1 seed:2 --fps 51 -o m.gif", "51.0 is not in the range 0<x<=50"),
        ("morph seed:1 seed:2 --scale 0", "0 is not in the range 1<=x<=32"),
        ("morph", "Missing argument 'FACE FACE...'"),
        ("morph seed:1:0-3 --mix 0.5,1.5", "1.5 is not in the range 0<=x<=1"),
        ("morph seed:1:0-3 --mix 0.5 --square 3", "Choose one of --mix and --square"),
        ("morph seed:1:0-3 --mix 0.5,0.5,0.5", "--mix is U between two faces, or U,V within"),
        ("morph seed:1:0-3 --mix 0.5 --scale 2", "--mix is U between two faces, or U,V within"),
        ("morph seed:1:0-3 --square 3 -o a.gif", "--mix and --square make a .png without --steps"),
        ("morph seed:1:0-3 --mix 0.5 --steps 3", "--mix and --square make a .png without --steps"),
        ("morph seed:1 seed:2 --sigma 2 --r-limit 2", "Choose one of --sigma, --r-limit and"),
    ],
)
def test_wrong_usage_says_what_would_be_right(line: str, message: str):
    result = facegen(*line.split())
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_json_tells_the_points(toy_weights: Path, tmp_path: Path):
    output = tmp_path / "m.png"
    done = facegen("morph", "seed:1", "seed:2", "--weights", toy_weights, "-o", output, "--json")
    found = json.loads(done.stdout)
    z = [random_points.normal([0], 8, seed=seed) for seed in (1, 2)]
    assert found == {
        "path": str(output),
        "points": [{"seed": 1, "row": 0}, {"seed": 2, "row": 0}],
        "radii": [pytest.approx(np.linalg.norm(point), abs=1e-4) for point in z],
    }
