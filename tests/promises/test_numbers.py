"""Numbers are right or refused: stores and their labels, rows, fits, histograms, plots."""

from __future__ import annotations

import logging
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from facegen.analysis import plots
from facegen.analysis.embedding import tsne
from facegen.analysis.statistics import radius_numbers
from facegen.api.encode import encode
from facegen.api.fit import fit
from facegen.errors import InputError, OutputError
from facegen.io import hdf5
from facegen.io.face_set import FaceSet
from facegen.io.face_set_writer import FaceSetWriter
from facegen.io.latent_writer import write_latents
from facegen.row_ranges import parse_rows
from running import facegen
from toys import TOY_ATTRIBUTES, toy_images

Labels = tuple[np.ndarray | None, np.ndarray | None, list[str]]


def write_faces(path: Path, labels: Labels) -> Path:
    """The first 20 toy faces, the same pixels, names and split whatever their labels."""
    images = toy_images()[0][:20]
    with FaceSetWriter(path, size=32, source="toys", crop="none", force=True) as writer:
        writer.append(images, [f"{row}.png" for row in range(20)])
        writer.set_labels(*labels)
    return path


def toy_labels() -> tuple[np.ndarray, np.ndarray, list[str]]:
    _, people, attributes = toy_images()
    return people[:20], attributes[:20], TOY_ATTRIBUTES


CHANGES: dict[str, tuple[Callable[[Any, Any, Any], Labels], str]] = {
    "added": (lambda p, a, n: (p, np.hstack([a, a[:, :1]]), [*n, "Young"]), "attribute names"),
    "renamed": (lambda p, a, n: (p, a, [n[0], "Woman", n[2]]), "attribute names"),
    "corrected": (lambda p, a, n: (p, np.where(np.eye(20, 3), -a, a), n), "attributes"),
    "taken away": (lambda p, a, n: (p, None, []), "attribute names"),
    "other people": (lambda p, a, n: (p + 1, a, n), "identities"),
    "people unknown": (lambda p, a, n: (None, a, n), "identities"),
}


@pytest.mark.parametrize(("change", "what"), CHANGES.values(), ids=CHANGES)
def test_a_store_whose_face_set_has_other_labels_now_is_not_complete(
    change: Callable[..., Labels], what: str, toy_weights: Path, tmp_path: Path
):
    store = tmp_path / "latents.h5"
    faces = write_faces(tmp_path / "faces.h5", toy_labels())
    encode([faces], store, weights=toy_weights, seed=5)
    before = store.read_bytes()
    assert encode([faces], store, weights=toy_weights).resumed_at == 20
    write_faces(faces, change(*toy_labels()))
    message = rf"latents.h5 was made when faces.h5 had other {what}; .* add --force to begin anew"
    with pytest.raises(OutputError, match=message):
        encode([faces], store, weights=toy_weights)
    assert store.read_bytes() == before
    assert encode([faces], store, weights=toy_weights, force=True).resumed_at == 0
    assert encode([faces], store, weights=toy_weights).resumed_at == 20


def test_a_face_set_that_has_got_labels_is_encoded_again(toy_weights: Path, tmp_path: Path):
    store = tmp_path / "latents.h5"
    faces = write_faces(tmp_path / "faces.h5", (None, None, []))
    encode([faces], store, weights=toy_weights, seed=5)
    write_faces(faces, toy_labels())
    with pytest.raises(OutputError, match="had other attribute names"):
        encode([faces], store, weights=toy_weights)
    done = facegen("attributes", store, "-o", tmp_path / "a.h5")
    advice = "and 'facegen encode --force' takes them over; --unsupervised needs none"
    assert str(done.exception).endswith(advice)


class CountingDataset:
    """A dataset that counts how often it is read, and refuses to pick rows itself."""

    def __init__(self, data: h5py.Dataset):
        self._data = data
        self.reads: list[slice] = []

    def __getitem__(self, rows: slice) -> np.ndarray:
        assert isinstance(rows, slice), "HDF5 is slow at picking rows"
        self.reads.append(rows)
        return self._data[rows]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._data, name)


@pytest.mark.parametrize("chunks", [(7, 3), None], ids=["chunks", "contiguous"])
def test_scattered_rows_are_read_by_chunks(chunks: tuple[int, int] | None, tmp_path: Path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        values = np.arange(300).reshape(100, 3)
        data = CountingDataset(file.create_dataset("a", data=values, chunks=chunks))
        rows = np.array([0, 2, 6, 7, 13, 50, 97, 99])
        np.testing.assert_array_equal(hdf5.read_rows(data, rows), values[rows])
        read = [(part.start, part.stop) for part in data.reads]
        assert read == ([(0, 7), (7, 14), (50, 51), (97, 98), (99, 100)] if chunks else [(0, 100)])
        assert hdf5.read_rows(data, rows[:0]).shape == (0, 3)


def test_scattered_faces_and_names_are_those_of_their_rows(files: Path):
    rows = np.array([299, 3, 3, 170, 0, 41])
    images = toy_images()[0]
    with FaceSet.open(files / "faces.h5") as faces:
        np.testing.assert_array_equal(faces.read(rows), images[rows])
        assert faces.read_names(rows) == [f"{row:06}.png" for row in rows]
        for wrong in (-1, 300):
            with pytest.raises(InputError, match=rf"has rows 0 to 299; asked for row {wrong}"):
                faces.read(np.array([3, wrong]))


@pytest.mark.parametrize(
    "command",
    [
        "generate --latents latents.h5 --rows 0-299999999 -o OUT",
        "edit latents.h5:0-299999999 --attribute Smiling=1 --attributes attributes.h5 -o OUT",
        "edit faces.h5:0-299999999 --attribute Smiling=1 --attributes attributes.h5 -o OUT",
    ],
)
def test_rows_that_are_not_there_are_refused_before_they_take_memory(
    command: str, work: Path, tmp_path: Path
):
    tracemalloc.start()
    done = facegen(*command.replace("OUT", str(tmp_path / "x.png")).split())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert done.exit_code == 1
    assert "has rows 0 to 299; asked for row 299999999" in str(done.exception)
    assert peak < 100 << 20  # the list alone has 2.4 GB


def test_a_seed_has_no_more_points_at_once_than_memory_holds(work: Path):
    done = facegen("morph", "seed:1:0-299999999", "-o", "never.png")
    assert str(done.exception) == "more than 10000 rows given"


def test_ends_of_rows_are_checked_before_the_ranges_are_made():
    seen: list[list[int]] = []
    rows = parse_rows("3,17,20-22", lambda ends: seen.append(ends.tolist()))
    assert (rows.tolist(), seen) == ([3, 17, 20, 21, 22], [[3, 3, 17, 17, 20, 22]])


def write_store(path: Path, points: np.ndarray, **labels: Any) -> Path:
    batches = [(points, np.zeros_like(points), points)]
    names = [f"{row}.png" for row in range(len(points))]
    write_latents(path, batches, names, latent_dim=points.shape[1], **labels)
    return path


def random_points(rows: int, latent_dim: int) -> np.ndarray:
    points = np.random.default_rng(1).standard_normal((rows, latent_dim))
    return points.astype(np.float32)


def test_a_mixture_is_fitted_to_fewer_points_than_coordinates(tmp_path: Path):
    """60 points a component can't fill 256 dimensions: in float32 scikit-learn gives up."""
    store = write_store(tmp_path / "latents.h5", random_points(600, 256))
    sampler = fit(store, kind="mixture")
    assert (len(sampler.weights), sampler.fit.rows) == (10, 600)
    assert np.isfinite(sampler.factors).all()
    points = sampler.sample(range(200), 256, seed=1)
    assert np.linalg.norm(points, axis=1).mean() == pytest.approx(16, abs=1)  # sqrt(256)


def test_a_mixture_that_collapses_is_one_clear_line(tmp_path: Path):
    points = random_points(60, 4) * np.float32(1e18)
    points[::2] *= 1e-18
    store = write_store(tmp_path / "latents.h5", points)
    with pytest.raises(InputError, match="60 rows are too few, or too alike, for a mixture of 9"):
        fit(store, kind="mixture", components=9)


@pytest.mark.parametrize("interval", ["24,12", "12,12"])
def test_an_interval_has_its_smaller_number_first(interval: str, work: Path):
    done = facegen("analyze", "radius", "latents.h5", "--interval", interval)
    assert done.exit_code == 2
    assert f"interval {interval}: the smaller number comes first" in done.stderr
    low, high = map(float, interval.split(","))
    with pytest.raises(InputError, match="the smaller number comes first"):
        radius_numbers(np.ones(3), 8, intervals=[(low, high)])


def test_a_histogram_has_at_least_one_bin():
    found = radius_numbers(np.array([0.1, 0.2, 0.7]), 8, bin_width=0.5, max_radius=1e-10)
    assert found["histogram"] == {"bin_width": 0.5, "counts": [2], "beyond": 1}
    assert found["peak"] == 0.25


def test_a_histogram_has_not_too_many_bins(work: Path):
    done = facegen("analyze", "radius", "latents.h5", "--bin-width", "1e-300")
    assert done.exit_code == 2
    assert "35 is more than 100,000 bins of 1e-300; choose wider bins" in done.stderr
    with pytest.raises(InputError, match="more than 100,000 bins"):
        radius_numbers(np.ones(3), 8, bin_width=1e-300)


@pytest.mark.parametrize("steps", ["2,2.0000001", "2,2"])
def test_two_steps_of_a_sweep_never_end_as_one_file(steps: str, work: Path, tmp_path: Path):
    done = facegen("generate", "--n", 1, "--sweep", steps, "-o", tmp_path / "s.png")
    assert done.exit_code == 2
    assert f"--sweep has two steps whose sheet is {tmp_path / 's-r2.png'}." in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_only_coordinate_of_a_store_is_analysed(tmp_path: Path):
    points = random_points(200, 1)
    attributes = np.where(points > 0, 1, -1).astype(np.int8)
    labels = {"attributes": attributes, "attribute_names": ["Smiling"]}
    store = write_store(tmp_path / "latents.h5", points, **labels)
    done = facegen("analyze", "coordinates", store, "-o", tmp_path / "c.png")
    assert done.exit_code == 0, done.output
    report = tmp_path / "report.html"
    done = facegen("analyze", "report", store, "-o", report, "--skip", "clusters")
    assert done.exit_code == 0, done.output
    assert "Left out: t-SNE needs points of at least 2 coordinates, not 1." in report.read_text()


def test_points_that_are_all_the_same_have_no_neighbours():
    with pytest.raises(InputError, match="these are all the same"):
        tsne(np.ones((100, 8), np.float32), engine="sklearn")


def radius_legend(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The legend of a plot, drawn."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    monkeypatch.setattr(plots, "picture", lambda figure: figure)
    numbers = radius_numbers(np.linspace(1, 30, 50), 8)
    figure: Any = plots.plot_radius({name: numbers}, [8])
    FigureCanvasAgg(figure).draw()
    return figure.axes[0].get_legend()


def test_a_name_in_a_plot_is_no_formula(monkeypatch: pytest.MonkeyPatch):
    """Between two dollar signs matplotlib sees TeX: it fails, or leaves the signs out."""
    radius_legend(r"$\frac$.h5", monkeypatch)
    names = ("a$b$.h5", "ab.h5")
    labels = [radius_legend(name, monkeypatch).get_texts()[0] for name in names]
    shown, without = (label.get_window_extent().width for label in labels)
    assert shown > without + 12  # two signs of 8 pixels


def test_a_name_in_a_plot_that_begins_with_an_underscore_is_shown(
    monkeypatch: pytest.MonkeyPatch,
):
    """matplotlib leaves such labels out of a legend."""
    shown = [text.get_text() for text in radius_legend("_a.h5", monkeypatch).get_texts()]
    assert len(shown) == 2
    assert "_a.h5: median 15.50" in shown[0]


def test_matplotlib_says_nothing_of_its_own(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    from matplotlib.figure import Figure

    subplots = Figure.subplots

    def tell(self: Figure, *arguments: Any) -> Any:
        logging.getLogger("matplotlib.font_manager").warning("is building the font cache")
        return subplots(self, *arguments)

    monkeypatch.setattr(Figure, "subplots", tell)
    places, values = random_points(50, 2), np.resize([1, -1], 50)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        image = plots.plot_tsne(places, "t-SNE", colour="\u65e5\u672c", values=values)
    assert isinstance(image, Image.Image)
    assert not caught
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("matplotlib").level == logging.NOTSET


def test_the_second_setting_of_the_articles_is_told_the_right_way_round():
    """Article XIII: early_exaggeration 16, perplexity 10."""
    done = facegen("analyze", "tsne", "--help")
    assert "--perplexity 10 --early-exaggeration 16" in done.stdout
    assert "--perplexity 16" not in done.stdout
