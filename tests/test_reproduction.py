"""The articles' experiments: the script that runs them, and the page that its numbers go into."""

from __future__ import annotations

import csv
import json
import os
import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest

from facegen import (
    analyze_clusters,
    analyze_coordinates,
    analyze_logvar,
    analyze_pca,
    analyze_radius,
    evaluate,
)
from running import REPOSITORY, python_environment, run_python

EXAMPLES = REPOSITORY / "examples"
PAGE_MAKER: dict[str, Any] = runpy.run_path(str(REPOSITORY / "docs" / "update_reproduction.py"))
filled, HEAD = PAGE_MAKER["filled"], PAGE_MAKER["HEAD"]

# They note how they were called, and make what the true ones would make.
FACEGEN = """#!/bin/sh
echo "facegen $*" >> "$CALLS"
[ "$1 $4" != "train $FAILING" ] || exit 1
command=$1
while [ $# -gt 0 ]; do
    case $1 in
        -o | --sheet) made=$2; [ "$command" = train ] || : > "$2" ;;
        --individual) mkdir "$2"; : > "$2/face-6.png" ;;
        --sweep) sweep=yes ;;
    esac
    shift
done
case $command$sweep in
    train) mkdir "$made"; : > "$made/config.json"; : > "$made/history.csv" ;;
    generateyes) : > "${made%.png}-r2.png"; : > "${made%.png}-r10.png" ;;
esac
echo "{}"
"""
PYTHON = """#!/bin/sh
echo "python ${1##*/}" >> "$CALLS"
case "$*" in
    -c*) mkdir shipped; : > shipped/config.json; : > shipped/history.csv; echo shipped ;;
    *weights.png*) : > weights.png; : > weights-faces.png ;;
esac
"""


@pytest.fixture
def run_script(tmp_path: Path):
    """Runs the script with stand-ins for facegen and python; gives its exit code and the calls."""
    (tmp_path / "bin").mkdir()
    for name, text in (("facegen", FACEGEN), ("python", PYTHON)):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    calls = tmp_path / "calls"
    environment = python_environment() | {"CALLS": str(calls), "FAILING": "none"}
    environment["PATH"] = f"{tmp_path / 'bin'}:{os.environ['PATH']}"

    def run(*arguments: str, **settings: str) -> tuple[int, list[str]]:
        calls.write_text("")
        command = [str(EXAMPLES / "reproduce_articles.sh"), "made", str(tmp_path), *arguments]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment | settings,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert "command not found" not in done.stderr
        return done.returncode, calls.read_text().splitlines()

    return run


def test_the_script_makes_all_that_the_page_takes_over_and_makes_nothing_twice(
    run_script, tmp_path: Path
):
    code, calls = run_script()
    assert code == 0
    made = tmp_path / "made"
    assert [name for name in PAGE_MAKER["TAKEN"] if not (made / name).exists()] == []
    trained = [
        call.split(" -o ")[1].split()[0] for call in calls if call.startswith("facegen train ")
    ]
    assert len(trained) == len(set(trained)) == 18 + 6 + 4 + 8 + 2  # 8: upsampling, bfloat16, dense
    code, calls = run_script()
    assert code == 0
    assert [call for call in calls if call.startswith("facegen ")] == []


def test_what_fails_in_the_script_is_told_and_the_rest_is_done(run_script, tmp_path: Path):
    code, calls = run_script("controls", FAILING="ae-1")
    assert code == 1
    failed = (tmp_path / "made" / "failed.txt").read_text().splitlines()
    assert len(failed) == 1
    assert failed[0].startswith("1: facegen train faces.h5 -o ae-1 --seed 1")
    assert any("-o tiny-1 " in call for call in calls)


def test_the_numbers_of_a_model_have_a_value_in_every_column(
    toy_store: Path, toy_weights: Path, toy_faces: Path, tmp_path: Path
):
    (tmp_path / "toy").symlink_to(toy_weights)
    tsne = {"kl_divergence": 1.5}
    figures = evaluate(toy_faces, weights=toy_weights, networks=False, count=11)
    for part in ("figures", "posterior", "reconstructions", "real"):
        figures[part] |= {
            "faces": {"found": 0.5, "kernel_distance": 1},
            "objects": {"kernel_distance": 2, "recall": 0.5},
        }
    documents = {
        "radius-z": analyze_radius(toy_store),
        "radius-mu": analyze_radius(toy_store, points="mu"),
        "logvar": analyze_logvar(toy_store),
        "coordinates": analyze_coordinates(toy_store),
        "pca": analyze_pca(toy_store),
        "clusters-mu": analyze_clusters(toy_store),
        "clusters-z": analyze_clusters(toy_store, points="z"),
        "tsne-30": tsne,
        "tsne-10": tsne,
        "evaluation": figures,
        "gaussian-evaluation": figures,
    }
    for kind, document in documents.items():
        (tmp_path / f"toy-{kind}.json").write_text(json.dumps(document))
    done = run_python(EXAMPLES / "model_numbers.py", tmp_path, "toy", "later")
    assert done.returncode == 0, done.stderr
    toy, later = csv.DictReader(done.stdout.splitlines())
    # The toy has 8 coordinates, so there is no share of the first 30 directions.
    assert [column for column, value in toy.items() if not value] == ["share_of_30"]
    assert float(toy["z_mean"]) == pytest.approx(documents["radius-z"]["files"][0]["mean"])
    assert {value for column, value in later.items() if column != "model"} == {""}


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    (tmp_path / "numbers.csv").write_text(
        "model,radius,share,later\na-1,16.25,0.5,\na-2,16.75,0.25,4\nb-1,1,0.00006,\nb-2,3,1,\n"
        + "".join(f"{name}-1,1,1,\n{name}-2,3,1,\n" for name in PAGE_MAKER["VAES"])
    )
    (tmp_path / "radius.json").write_text('{"files": [{"quantiles": {"0.5": 1.5}}]}')
    (tmp_path / "table.md").write_text("# A\n\n| | found |\n|---|---|\n| r-limit 0.5 | 8.5 % |\n")
    (tmp_path / "networks.md").write_text("| | test loss |\n|---|---|\n| plain | 5 +- 1 |\n")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("{numbers.csv/a-1/radius .1f}", "16.2"),
        ("{numbers.csv/a-?/radius .2f}", "16.50"),
        ("{numbers.csv/a-?/radius .2f range}", "16.25 to 16.75"),
        ("{numbers.csv/a-?/radius .2f largest}", "16.75"),
        ("{numbers.csv/a-1/radius .2f range}", "one seed"),
        ("{numbers.csv/a-?/share .0%}", "38 %"),
        ("{numbers.csv/b-1/share .0e}", "6e-5"),
        ("{numbers.csv/a-?/radius over numbers.csv/b-?/radius .2f range}", "5.58 to 16.25"),
        ("{numbers.csv/a-?/later .0f}", "4 (1 of 2)"),
        ("{numbers.csv/a-1/later .0f}", "pending"),
        ("{numbers.csv/a-1/later .0f} ({numbers.csv/a-1/later .0f range})", "pending"),
        ("{numbers.csv/a-1/later .0f else numbers.csv/a-2/later .0f}", "*4*"),
        ("{numbers.csv/a-2/later .0f else numbers.csv/a-1/radius .0f}", "4"),
        ("| mean | {vaes/radius .0f} |", f"| mean | {' | '.join(['2 (1 to 3)'] * 4)} |"),
        ("{radius.json/files/0/quantiles/0.5 .2f}", "1.50"),
        ("{table.md/r-limit 0.5/found}", "8.5 %"),
        ("{start-from.md/scratch/5 epochs}", "pending"),
        ("{networks.md/dense/test loss}", "pending"),
        ("![a plot](reproduction/weights.png)", "a plot (pending)"),
        ("[numbers](reproduction/numbers.csv)", "[numbers](reproduction/numbers.csv)"),
    ],
)
def test_a_figure_comes_from_its_file(words: str, page: str, figures: Path):
    assert filled(words, figures) == HEAD + page


@pytest.mark.parametrize(
    "words",
    [
        "{numbers.csv/c-1/radius .1f}",
        "{numbers.csv/a-1/radus .1f}",
        "{nmbers.csv/a-1/radius .1f}",
        "{numbers.csv/a-?/radius}",
        "{networks.md/plain/test los}",
        "{radius.json/files/1/quantiles/0.5 .2f}",
        "[numbers](reproduction/nmbers.csv)",
    ],
)
def test_a_figure_that_there_will_never_be_is_refused(words: str, figures: Path):
    with pytest.raises(ValueError, match=r"there is no|no such file|no format"):
        filled(words, figures)


def test_what_an_earlier_folder_had_of_a_model_stays_until_it_is_measured_anew():
    before = "model,radius,share\na,1,2\nb,3,4\nd,8,9\n"
    after = "model,radius,share,later\na,5,,6\nb,,,\nc,,7,\n"
    merged = PAGE_MAKER["merge"](before, after)
    assert merged == "model,radius,share,later\na,5,2,6\nb,3,4,\nd,8,9,\nc,,7,\n"


def test_the_page_has_the_figures_of_the_files():
    done = run_python(REPOSITORY / "docs" / "update_reproduction.py", "--check")
    assert done.returncode == 0, done.stderr
