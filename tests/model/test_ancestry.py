"""What a model card tells of the model that a training began with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from facegen.errors import InputError
from facegen.io.weights import Weights
from facegen.model.ancestry import ancestors_of, ancestry, check_kin, check_start
from facegen.model.model_card import model_card
from facegen.options import ModelOptions, TrainingOptions

LICENCE = "For research only.\n\nAsk before you use it."


def changed(toy_weights: Path, folder: Path, **values: Any) -> Weights:
    """The toy weights with other values in config.json."""
    shutil.copytree(toy_weights, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))
    return Weights.load(folder)


def older(name: str, note: str) -> dict[str, Any]:
    """An ancestor, as config.json records it."""
    data = {"source": "a.zip", "training_images": 7, "fingerprint": "f0", "note": note}
    return {"name": name, "files": {"encoder.h5": "ab"}, "data": data}


def test_a_model_from_scratch_has_no_ancestors_and_is_one(toy_weights: Path):
    weights = Weights.load(toy_weights)
    (found,) = ancestors_of(weights)
    assert found["files"] == {n: weights.digest(n) for n in ("encoder.h5", "decoder.h5")}
    assert found["data"]["note"] == "Synthetic faces."
    assert ancestry([]) == ""


def test_the_note_on_the_licence_is_handed_down_from_every_ancestor(
    toy_weights: Path, tmp_path: Path
):
    weights = changed(toy_weights, tmp_path / "w", ancestors=[older("first", LICENCE)])
    assert ancestry(ancestors_of(weights)) == (
        f"The training began with the arrays of w (encoder.h5 `{weights.digest('encoder.h5')}`, "
        f"decoder.h5 `{weights.digest('decoder.h5')}`), which was trained on 270 images from toy "
        f"faces (face set `{weights.config['data']['fingerprint']}`).\n\n"
        "What was said there of the data and their licence holds here, too:\n\n"
        "> Synthetic faces.\n\n"
        "The training of w began with the arrays of first (encoder.h5 `ab`), which was trained on "
        "7 images from a.zip (face set `f0`).\n\n"
        "What was said there of the data and their licence holds here, too:\n\n"
        "> For research only.\n>\n> Ask before you use it."
    )


def test_a_crisp_decoder_hands_down_the_notes_of_both_trainings(toy_weights: Path, tmp_path: Path):
    files = json.loads((toy_weights / "config.json").read_text())["files"]
    weights = changed(
        toy_weights,
        tmp_path / "w",
        files={**files, "crisp_decoder.h5": "cd", "crisp_decoder.tflite": "ef"},
        crisp={"data": {"note": "Two hours."}, "ancestors": [older("crisp", "")]},
        ancestors=[older("plain", "")],
    )
    found = ancestors_of(weights, crisp=True)
    assert [each["name"] for each in found] == ["w", "crisp", "plain"]
    assert found[0]["files"] == {"crisp_decoder.h5": "cd"}
    assert found[0]["data"]["note"] == "Synthetic faces.\n\nTwo hours."


def test_weights_without_a_crisp_decoder_can_t_begin_one(toy_weights: Path):
    with pytest.raises(InputError, match="have no crisp decoder"):
        ancestors_of(Weights.load(toy_weights), crisp=True)


def test_what_hubs_read_of_the_licence_is_handed_down(toy_weights: Path, tmp_path: Path):
    assert "licence" not in ancestors_of(Weights.load(toy_weights))[0]  # it is unknown
    weights = changed(toy_weights, tmp_path / "w")
    card = tmp_path / "w" / "MODEL_CARD.md"
    said = "license: other\nlicense_name: research\nlicense_link: http://a.b/c\n"
    card.write_text(f"---\n{said}tags:\n- license: cc0\n---\n\nlicense: mit\n")
    found = ancestors_of(weights)
    data, metrics = weights.config["data"], weights.config["metrics"]

    def card_of(ancestors: list[dict[str, Any]]) -> str:
        return model_card(ModelOptions(), TrainingOptions(), data, metrics, ancestors)

    head = card_of(found).split("---\n")[1]
    assert said in head
    assert "# of w, whose arrays the training began with" in head
    assert "unknown" not in head
    assert "license: unknown\n" in card_of([older("x", "")])
    card.unlink()
    assert "licence" not in ancestors_of(weights)[0]


def test_a_crisp_decoder_begins_only_with_that_of_an_ancestor(toy_weights: Path, tmp_path: Path):
    old = Weights.load(toy_weights)
    check_kin(old, old)
    stranger = {**old.config["files"], "encoder.h5": "ab"}
    new = changed(toy_weights, tmp_path / "new", files=stranger)
    with pytest.raises(InputError, match=r"^new did not begin with toy, whose crisp decoder is of"):
        check_kin(new, old)
    heir = changed(toy_weights, tmp_path / "heir", files=stranger, ancestors=ancestors_of(old))
    check_kin(heir, old)


@pytest.mark.parametrize(
    "values",
    [
        {"data": None},
        {"data": {}},
        {"data": {"note": 5}},
        {"ancestors": 5},
        {"ancestors": [5]},
        {"ancestors": [{"name": "x", "files": {}, "data": {}}]},
    ],
)
def test_a_config_that_does_not_say_what_the_model_is_from_is_refused(
    toy_weights: Path, tmp_path: Path, values: dict[str, Any]
):
    weights = changed(toy_weights, tmp_path / "w", **values)
    with pytest.raises(InputError, match="is damaged: it doesn't say what the model was made from"):
        ancestors_of(weights)


def test_a_run_is_resumed_only_with_the_arrays_that_it_began_with(toy_weights: Path):
    start = ancestors_of(Weights.load(toy_weights))
    check_start([*start, older("x", "")], start, toy_weights)
    for began_with in ([], [older("x", "")]):
        with pytest.raises(InputError, match="did not begin with the arrays that toy has now"):
            check_start(began_with, start, toy_weights)
