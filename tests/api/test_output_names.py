"""Names of outputs with fields."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from facegen.api.output_names import fill_name
from facegen.errors import InputError
from running import facegen


def test_fields_are_filled_wherever_they_stand():
    path = fill_name(Path("out/{seed}/n{n}-r{r_limit}.png"), seed=5, r_limit=2.5, n=28)
    assert path == Path("out/5/n28-r2.5.png")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d{6}", fill_name(Path("{date} {time}")).name)
    assert fill_name(Path("{} plain {")) == Path("{} plain {")


def test_an_unknown_or_empty_field_is_refused():
    with pytest.raises(InputError, match=r"there is no field \{sed\}; there are \{date\}"):
        fill_name(Path("{sed}.png"))
    with pytest.raises(InputError, match=r"these faces have no r_limit; leave out \{r_limit\}"):
        fill_name(Path("{r_limit}.png"), r_limit=None)


def test_generate_fills_names(toy_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    common = ["generate", "--weights", str(toy_weights), "--n", "2", "--seed", "7"]
    for arguments, names in {
        "-o s{seed}-{n}.png": {"s7-2.png"},
        "-o r{r_limit}.png --r-limit 2.5": {"r2.5.png"},
        "-o w-{r_limit}.png --sweep 0.5,1": {"w-0.5.png", "w-1.png"},
        "-o {seed}.png --sweep 0.5,1": {"7-r0.5.png", "7-r1.png"},
        "--individual of-{seed}": {"of-7"},
    }.items():
        done = facegen(*common, *arguments.split())
        assert set(done.stdout.split()) == names
        assert {path.name for path in tmp_path.iterdir()} >= names
