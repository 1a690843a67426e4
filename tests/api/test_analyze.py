"""analyze: every subcommand on small stores, its JSON, text, plots, exit codes and errors."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from facegen.analysis.report_page import Section, make_page
from facegen.api.analyze import analyze_coordinates, analyze_radius
from facegen.api.analyze_clusters import sample_rows
from facegen.api.analyze_report import analyze_report
from facegen.api.encode import encode
from facegen.api.info import info
from facegen.errors import InputError, MissingFileError, OutputError
from facegen.io.latent_store import Latents, Origin
from facegen.io.latent_writer import write_latents
from running import facegen

ROWS, DIM = 200, 16
ATTRIBUTES = ["Smiling", "Male"]


def make_points(*, autoencoder: bool = False, active: int = 6, scale: float = 1.0) -> list:
    """mu, logvar, z of a well-behaved VAE, float32 (200, 16): `active` coordinates count."""
    random = np.random.default_rng(8)
    mu = random.normal(0, 0.95, (ROWS, DIM)).astype("f4")
    logvar = np.full((ROWS, DIM), 2 * np.log(0.31), "f4")
    mu[:, active:], logvar[:, active:] = 0, 0
    noise = np.exp(logvar / 2) * random.normal(size=(ROWS, DIM))
    if autoencoder:
        return [mu, np.full_like(mu, -np.inf), mu]
    return [mu, logvar, (scale * (mu + noise)).astype("f4")]


def write_store(path: Path, points: list | None = None, *, origin: Origin | None = None) -> Path:
    random = np.random.default_rng(1)
    write_latents(
        path,
        [tuple(points or make_points())],
        [f"{row}.png" for row in range(ROWS)],
        latent_dim=DIM,
        attributes=random.integers(-1, 2, (ROWS, 2)),
        attribute_names=ATTRIBUTES,
        origin=origin or Origin(encoder_sha256="e" * 64, fingerprint="f" * 64, weights="made-up"),
    )
    return path


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A healthy store of 200 points of a VAE."""
    return write_store(tmp_path_factory.mktemp("store") / "latents.h5")


def analyze(*arguments: object) -> dict:
    """The JSON that a subcommand prints; it must end well and print one line."""
    result = facegen("analyze", *arguments, "--json")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)


def read(path: Path, name: str) -> np.ndarray:
    with h5py.File(path) as file:
        return file[name][()]


def check_plot(path: Path, command: str) -> None:
    """A PNG that is not blank, and that `facegen info` tells the origin of."""
    pixels = np.asarray(Image.open(path))
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
    provenance = info(path)["provenance"]
    assert provenance["command"] == command
    assert provenance["stamps"][0]["origin"]["encoder_sha256"] == "e" * 64


FAST: dict[str, list[str]] = {
    "radius": [],
    "coordinates": ["--axes", "0,5"],
    "logvar": [],
    "pca": ["--colour", "Smiling"],
    "clusters": ["--clusters", "2,4"],
    "tsne": ["--perplexity", "10", "--threads", "1", "--engine", "sklearn"],
}


@pytest.mark.parametrize(("verb", "options"), FAST.items(), ids=FAST)
def test_a_subcommand_prints_stamped_json_and_draws(
    verb: str, options: list[str], store: Path, tmp_path: Path
):
    plot = tmp_path / "plot.png"
    result = analyze(verb, store, *options, "-o", plot)
    part = result["files"][0] if verb == "radius" else result
    assert (result["format"], result["analysis"]) == ("facegen-analysis", verb)
    assert (part["rows"], part["non_finite_rows"]) == (ROWS, 0)
    stamp = part["stamp"]
    assert (stamp["latents"], stamp["rows"], stamp["latent_dim"]) == ("latents.h5", ROWS, DIM)
    assert stamp["origin"]["fingerprint"] == "f" * 64
    assert {"facegen", "definitions", "numpy"} <= set(stamp["versions"])
    assert result["plot"] == str(plot)
    check_plot(plot, f"analyze {verb}")


@pytest.mark.parametrize("verb", ["radius", "coordinates", "logvar", "pca", "clusters"])
def test_a_subcommand_prints_text_for_people(verb: str, store: Path):
    result = facegen("analyze", verb, store, *FAST[verb])
    assert result.exit_code == 0
    assert result.stdout.startswith("latents.h5: 200 rows")
    assert "nan" not in result.stdout


@pytest.mark.parametrize("verb", FAST)
def test_a_plot_that_exists_is_refused_before_the_work_begins(
    verb: str, store: Path, tmp_path: Path
):
    plot = tmp_path / "plot.png"
    plot.write_bytes(b"mine")
    result = facegen("analyze", verb, store, "-o", plot)
    assert isinstance(result.exception, OutputError)
    assert plot.read_bytes() == b"mine"


def test_the_radius_is_that_of_the_points_asked_for(store: Path):
    for points in ("z", "mu"):
        found = analyze("radius", store, "--points", points, "--interval", "3,4")["files"][0]
        radii = np.linalg.norm(read(store, points).astype(float), axis=1)
        assert found["mean"] == pytest.approx(radii.mean(), rel=1e-6)
        assert found["shares"][0]["share"] == ((radii > 3) & (radii < 4)).mean()


def test_several_stores_are_laid_over_each_other(store: Path, tmp_path: Path):
    ae = write_store(tmp_path / "ae.h5", make_points(autoencoder=True))
    plot = tmp_path / "plot.png"
    result = analyze("radius", ae, store, "-o", plot)
    assert [file["stamp"]["latents"] for file in result["files"]] == ["ae.h5", "latents.h5"]
    assert len(info(plot)["provenance"]["stamps"]) == 2


def test_an_ae_is_told_that_it_has_no_logvar(tmp_path: Path):
    ae = write_store(tmp_path / "ae.h5", make_points(autoencoder=True))
    result = facegen("analyze", "logvar", ae)
    assert isinstance(result.exception, InputError)
    assert str(result.exception).startswith(f"{ae}: the points are an AE's")
    plot = tmp_path / "plot.png"
    assert analyze("coordinates", ae, "-o", plot)["kl"] is None
    assert "nats" not in facegen("analyze", "coordinates", ae).stdout
    check_plot(plot, "analyze coordinates")


def test_an_axis_that_is_not_there_is_refused(store: Path):
    result = facegen("analyze", "coordinates", store, "--axes", "16")
    assert isinstance(result.exception, InputError)
    assert "no axis 16: the axes are 0 to 15" in str(result.exception)


def test_rows_that_are_not_finite_are_left_out_with_exit_code_3(tmp_path: Path):
    points = make_points()
    points[0][5, 3] = points[2][5, 3] = np.nan
    broken = write_store(tmp_path / "broken.h5", points)
    for verb, options in FAST.items():
        result = facegen("analyze", verb, broken, *options, "--json")
        assert result.exit_code == 3
        assert "broken.h5: 1 rows have numbers that are not finite; left out" in result.stderr
        found = json.loads(result.stdout)
        assert found.get("files", [found])[0]["rows"] == ROWS - 1


def test_an_incomplete_store_is_analysed_as_far_as_it_goes(store: Path, tmp_path: Path):
    part = tmp_path / "part.h5"
    part.write_bytes(store.read_bytes())
    with h5py.File(part, "r+") as file:
        file["rows_done"][()] = 150
    result = facegen("analyze", "radius", part, "--json")
    assert result.exit_code == 0
    assert "part.h5: 150 of 200 rows are there yet" in result.stderr
    found = json.loads(result.stdout)["files"][0]
    radii = np.linalg.norm(read(store, "z")[:150].astype(float), axis=1)
    assert found["mean"] == pytest.approx(radii.mean(), rel=1e-6)
    assert (found["stamp"]["rows"], found["stamp"]["rows_done"]) == (200, 150)
    assert analyze("coordinates", part)["rows"] == 150
    assert analyze("clusters", part, "--clusters", "3")["rows"] == 150


def test_a_store_without_rows_or_without_finite_rows_is_one_line(store: Path, tmp_path: Path):
    empty = tmp_path / "empty.h5"
    empty.write_bytes(store.read_bytes())
    with h5py.File(empty, "r+") as file:
        file["rows_done"][()] = 0
    with pytest.raises(InputError, match="has no rows yet"):
        analyze_radius([empty])
    lost = write_store(tmp_path / "lost.h5", [np.full((ROWS, DIM), np.nan, "f4")] * 3)
    for verb in FAST:
        result = facegen("analyze", verb, lost, *FAST[verb])
        assert str(result.exception) == f"{lost}: there is no row of finite numbers to analyse"


def test_what_is_no_store_is_refused(tmp_path: Path):
    with pytest.raises(MissingFileError):
        analyze_coordinates(tmp_path / "missing.h5")
    with pytest.raises(InputError, match="must be one of mu, logvar, z"):
        analyze_radius([write_store(tmp_path / "a.h5")], points="y")


def test_a_sample_is_chosen_by_seed_and_read_in_order(store: Path):
    z = read(store, "z")
    with Latents.open(store) as latents:
        rows, points, left_out = sample_rows(latents, "z", 50, seed=4)
        again, _, _ = sample_rows(latents, "z", 50, seed=4)
        other, _, _ = sample_rows(latents, "z", 50, seed=5)
        everything, _, _ = sample_rows(latents, "z", None, seed=4)
    assert left_out == 0
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(points, z[rows])
    np.testing.assert_array_equal(rows, again)
    assert (rows != other).any()
    assert everything.tolist() == list(range(ROWS))


def test_tsne_colours_by_an_attribute_and_writes_the_places(store: Path, tmp_path: Path):
    places = tmp_path / "places.csv"
    options = [*FAST["tsne"], "--n", "150", "--colour", "Male", "--csv", places]
    result = analyze("tsne", store, *options, "-o", tmp_path / "plot.png")
    rows = list(csv.DictReader(places.read_text().splitlines()))
    values = read(store, "attributes")[[int(row["row"]) for row in rows], 1]
    assert [int(row["value"]) for row in rows] == values.tolist()
    assert len({(row["x"], row["y"]) for row in rows}) == 150
    counts = {"yes": 1, "no": -1, "unknown": 0}
    expected = {name: int((values == value).sum()) for name, value in counts.items()}
    assert result["colour"] == {"name": "Male", **expected}
    assert result["engine"] == "sklearn"
    assert "scikit-learn" in result["stamp"]["versions"]


def test_an_attribute_that_is_not_there_is_answered_with_those_like_it(store: Path):
    result = facegen("analyze", "tsne", store, "--colour", "Smilin", *FAST["tsne"])
    assert "has no attribute 'Smilin'; it has Smiling" in str(result.exception)


QUICK = ["--skip", "tsne", "--skip", "clusters"]


def report(path: Path, output: Path, *options: object) -> Result:
    return facegen("analyze", "report", path, "-o", output, *QUICK, *options)


def test_the_report_of_a_healthy_store_needs_no_other_file(store: Path, tmp_path: Path):
    page = tmp_path / "report.html"
    options = ["--skip", "tsne", "--cluster-rows", 12]
    result = facegen("analyze", "report", store, "-o", page, *options)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{page}\n"
    html = page.read_text()
    assert html.count('<img src="data:image/png;base64,') == 4
    assert "http" not in html
    assert "All health rules hold." in html
    found = json.loads(page.with_suffix(".json").read_text())
    assert found["broken_rules"] == []
    assert found["radius"]["z"]["rows"] == found["coordinates"]["rows"] == ROWS
    assert found["clusters"]["clusters"] == [2, 4, 6, 8, 10, 12]
    assert "scikit-learn" in found["stamp"]["versions"]
    assert "<th></th><th>z</th><th>mu</th><th>unit normal</th>" in html
    assert found["tsne"] == {"left_out": "not asked for"}
    assert found["faces"] == {"left_out": "the store was made by made-up; name it with --weights"}
    single = analyze("coordinates", store)
    assert found["coordinates"]["coordinates"] == single["coordinates"]
    again = report(store, page)
    assert isinstance(again.exception, OutputError)


def test_the_report_has_faces_where_the_weights_are_at_hand(
    toy_faces: Path, toy_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("EARLY_ITERATIONS", "ITERATIONS"):  # of t-SNE; scikit-learn's least sum is 250
        monkeypatch.setattr(f"facegen.analysis.embedding.{name}", 125)
    latents = tmp_path / "toy.h5"
    encode([toy_faces], latents, weights=toy_weights, seed=5)
    options: dict[str, Any] = {"weights": toy_weights, "skip": ["clusters"]}
    options |= {"tsne_rows": 100, "threads": 1}
    found = analyze_report(latents, tmp_path / "toy.html", colour="Smiling", **options)
    assert found["faces"]["weights"]["name"] == "toy"
    assert sum(found["tsne"]["colour"][kind] for kind in ("yes", "no", "unknown")) == 100
    assert (tmp_path / "toy.html").read_text().count("<img") == 5
    with pytest.raises(InputError, match="no attribute 'Hat'"):
        analyze_report(latents, tmp_path / "hat.html", colour="Hat", **options)


def test_weights_that_did_not_make_the_store_are_refused(
    store: Path, toy_weights: Path, tmp_path: Path
):
    result = report(store, tmp_path / "report.html", "--weights", toy_weights)
    assert isinstance(result.exception, InputError)
    assert "was made with other weights" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (make_points(active=0), "no coordinate is active"),
        (make_points(scale=2), "more than 1.5 times apart"),
        (make_points(scale=0.5), "more than 1.5 times apart"),
    ],
)
def test_a_broken_rule_ends_with_3_and_stands_on_stderr_in_json_and_on_the_page(
    points: list, message: str, tmp_path: Path
):
    path, page = write_store(tmp_path / "sick.h5", points), tmp_path / "report.html"
    result = report(path, page, "--quiet")
    assert result.exit_code == 3
    assert message in result.stderr
    assert message in page.read_text()
    [rule] = json.loads(page.with_suffix(".json").read_text())["broken_rules"]
    assert message in rule
    assert report(path, page, "--force", "--radius-factor", "3").exit_code == (
        3 if "active" in message else 0
    )


def test_rows_that_are_not_finite_break_a_rule(tmp_path: Path):
    points = make_points()
    points[0][7, 0] = np.inf
    path = write_store(tmp_path / "sick.h5", points)
    result = report(path, tmp_path / "report.html", "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["broken_rules"] == ["1 rows have numbers that are not finite"]


def test_an_ae_and_points_without_noise_have_no_prior_to_be_held_to(tmp_path: Path):
    ae = write_store(tmp_path / "ae.h5", make_points(autoencoder=True))
    exact = write_store(
        tmp_path / "exact.h5", make_points(scale=0.5), origin=Origin(epsilon_scale=0.0)
    )
    for path in (ae, exact):
        assert report(path, path.with_suffix(".html")).exit_code == 0
    found = json.loads((tmp_path / "ae.json").read_text())
    assert found["logvar"] == {"left_out": "the points are an AE's, which has no logvar"}


def test_a_page_must_be_html(store: Path, tmp_path: Path):
    result = report(store, tmp_path / "report.pdf")
    assert "must end in .html" in str(result.exception)


def test_names_can_not_break_the_page():
    section = Section("<b>", "1 < 2", {"a": {"b": "<script>"}, "c": [1, 2], "d": None})
    html = make_page("<i>", ["<u>"], [section])
    for tag in ("<b></h2>", "<script>", "<i></title>", "<u>"):
        assert tag not in html
    assert "<td>&lt;script&gt;</td>" in html
    assert "<th>a b</th>" in html
