"""What a training began with, if not from scratch: the ancestors of a model.

config.json records them in "ancestors", the nearest first, each with its name, the digests of the
arrays that were taken, what its own data were, the note on their licence included, and what hubs
read of the licence in its model card.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from facegen.errors import InputError
from facegen.io.weights import CARD, CONFIG, DECODERS, Weights
from facegen.options import ModelOptions

Ancestor = dict[str, Any]
ARRAYS = ("encoder.h5", "decoder.h5")
# https://huggingface.co/docs/hub/model-cards: in YAML.
LICENCE = re.compile(r"^(license(?:_name|_link)?): (\S.{0,200})$", re.MULTILINE)
CRISP_ARRAYS = (f"{DECODERS['crisp']}.h5",)


def ancestors_of(weights: Weights, *, crisp: bool = False) -> list[Ancestor]:
    """What a training records that begins with the arrays of these weights.

    Args:
        crisp: with those of the crisp decoder alone.

    Raises:
        InputError: config.json records no such arrays, or is damaged.
    """
    config = weights.config
    own = _read(weights, {"ancestors": [], **config}, {"data": dict, "ancestors": list})
    data, found = dict(_read(weights, own["data"], {"note": str})), own["ancestors"]
    names: tuple[str, ...] = ARRAYS
    if crisp:
        weights.decoder("crisp")  # or there is none to begin with
        added = {"ancestors": [], **_read(weights, config.get("crisp"), {})}
        added = _read(weights, added, {"data": dict, "ancestors": list})
        note = _read(weights, added["data"], {"note": str})["note"]
        data["note"] = "\n\n".join(filter(None, (data["note"], note)))
        names, found = CRISP_ARRAYS, [*added["ancestors"], *found]
    files = {name: weights.digest(name) for name in names}
    licence = licence_of(weights)
    for ancestor in found:
        _read(weights, ancestor, {"name": str, "files": dict, "data": dict})
        _read(weights, ancestor["data"], {"note": str})
    nearest: Ancestor = {"name": weights.name, "files": files, "data": data}
    return [nearest | ({"licence": licence} if licence else {}), *found]


def licence_of(weights: Weights) -> dict[str, str]:
    """What hubs read of the licence in the head of a model card, by its names there."""
    card = ""
    with suppress(OSError, ValueError):  # the card may be missing
        card = (weights.path / CARD).read_text(encoding="utf-8")
    head = card.split("---\n")[1] if card.startswith("---\n") else ""
    found = dict(LICENCE.findall(head))
    return found if found.get("license", "unknown") != "unknown" else {}


def _read(weights: Weights, value: Any, kinds: dict[str, type]) -> dict[str, Any]:
    """A part of config.json, if it is an object that has such values.

    Raises:
        InputError: it is not.
    """
    if not isinstance(value, dict) or not all(
        isinstance(value.get(name), kind) for name, kind in kinds.items()
    ):
        raise InputError(
            f"{weights.path / CONFIG} is damaged: it doesn't say what the model was made from"
        )
    return value


def check_network(weights: Weights, model: ModelOptions) -> None:
    """Raises InputError if a network makes something else of arrays of the same shapes.

    What has other shapes is refused by the names of its layers (`facegen.model.arrays`).

    Args:
        weights: a training would begin with their arrays.
        model: its network.
    """
    for name in ("activation", "strides"):
        there, here = getattr(weights.model, name), getattr(model, name)
        if there != here:
            raise InputError(
                f"{weights.path} does not fit this network; all convolutions differ ({name} "
                f"{there} there, {here} here); train with its own network's options, or from "
                "scratch"
            )


def check_kin(weights: Weights, start: Weights) -> None:
    """Raises InputError if a model has not the latent space of `start`, nor began with it."""
    encoder = start.digest("encoder.h5")
    if all(ancestor["files"].get("encoder.h5") != encoder for ancestor in ancestors_of(weights)):
        raise InputError(
            f"{weights.name} did not begin with {start.name}, whose crisp decoder is of another "
            "latent space; leave --start-from out"
        )


def check_start(began_with: list[Ancestor], start: list[Ancestor], folder: Path) -> None:
    """Raises InputError if a run that is to be resumed began with other arrays than `start` has."""
    if [ancestor["files"] for ancestor in began_with[:1]] != [start[0]["files"]]:
        raise InputError(
            f"the training in {folder} did not begin with the arrays that {start[0]['name']} has "
            "now; leave --start-from out to go on with it"
        )


def ancestry(ancestors: list[Ancestor]) -> str:
    """What a model card tells of the ancestors: Markdown, "" of a model trained from scratch."""
    told, child = [], "The training"
    for ancestor in ancestors:
        data = ancestor["data"]
        files = ", ".join(f"{name} `{digest}`" for name, digest in ancestor["files"].items())
        told.append(
            f"{child} began with the arrays of {ancestor['name']} ({files}), which was trained on "
            f"{data.get('training_images')} images from {data.get('source')} (face set "
            f"`{data.get('fingerprint')}`)."
        )
        if data["note"]:
            told.append("What was said there of the data and their licence holds here, too:")
            told.append("\n".join(f"> {line}".rstrip() for line in data["note"].splitlines()))
        child = f"The training of {ancestor['name']}"
    return "\n\n".join(told)
