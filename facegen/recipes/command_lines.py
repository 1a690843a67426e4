"""The command that made a file, as far as the file records it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

from facegen.io import attribute_file, face_set, latent_store, sampler_file


def command_line(found: dict[str, Any]) -> str | None:
    """What a user can run to make a file again; None where the file doesn't say what made it.

    Inputs are named as they are recorded, without their folders; the output isn't named.

    Args:
        found: of `facegen.api.info.info`.
    """
    made = found.get("provenance") or found
    command = made.get("command")
    maker = COMMANDS.get(str(command or found["kind"]).partition(" ")[0])
    try:
        if maker is not None:
            return shlex.join(["facegen", *map(str, maker(made))])
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        pass  # a part of it is not recorded, or damaged
    return f"facegen {command}" if command else None


def _options(values: dict[str, Any]) -> list[str]:
    """Options as a user writes them, of those that are set."""
    words = []
    for name, value in values.items():
        if value is None or value == "" or value == [] or value is False:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if isinstance(value, list):
            value = ",".join(map(str, value))
        words += [] if value is True else [str(value)]
    return words


def _some(values: dict[str, Any], *names: str) -> list[str]:
    return _options({name: values.get(name) for name in names})


def _analyze(made: dict[str, Any]) -> list[str]:
    stamps = made["stamps"]
    stores = [stamp["latents"] for stamp in stamps]
    return [*made["command"].split(), *stores, *_options(stamps[0]["options"])]


def _evaluate(made: dict[str, Any]) -> list[str]:
    stamp, subject = made["stamp"], made["subject"]
    options = {"images": subject.get("source"), "n": stamp["count"], "seed": stamp["seed"]}
    if "weights" in subject:
        weights, sampler = subject["weights"], subject["sampler"]
        options |= {"weights": weights["name"], "decoder": weights.get("decoder", "plain")}
        options |= {name: value for name, value in sampler.items() if name != "name"}
    options["pixels_only"] = not stamp.get("networks")
    return ["evaluate", "FACES.h5", *_options(options)]


def _sharpen(made: dict[str, Any]) -> list[str]:
    (sharpening,) = made["sharpened"]
    options = {"sharpen": sharpening.get("sharpness"), "unsharp": sharpening.get("unsharp")}
    return ["sharpen", made["source"], *_options(options)]


def _encode(found: dict[str, Any]) -> list[str]:
    sources = found["source"].split(", ")
    return ["encode", *sources, *_some(found, "weights", "seed", "epsilon_scale")]


def _prepare(found: dict[str, Any]) -> list[str]:
    return ["prepare", *found["source"].split(", "), *_some(found, "size")]


def _fit(found: dict[str, Any]) -> list[str]:
    options = {"kind": found["sampler"], "components": found["components"]}
    if options["kind"] != "mixture":
        del options["components"]
    return ["fit", found["latents"], *_options(options), *_some(found, "points", "split", "seed")]


def _attributes(found: dict[str, Any]) -> list[str]:
    return ["attributes", found["store"], *_options({"without": found["removed"]})]


# By what the provenance names, and by the kind of the files that carry none.
COMMANDS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "analyze": _analyze,
    "evaluate": _evaluate,
    "sharpen": _sharpen,
    latent_store.FORMAT: _encode,
    face_set.FORMAT: _prepare,
    sampler_file.FORMAT: _fit,
    attribute_file.FORMAT: _attributes,
}
