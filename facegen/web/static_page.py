"""The explorer as a folder for any web host: its faces are decoded in the visitor's browser.

The folder holds
    index.html ...      the page of facegen/web/page, all but its engine
    engine.js ...       an engine that draws, edits and decodes (facegen/web/static)
    litert/             LiteRT.js, with its licence
    *decoder.tflite     the weights' decoders, for one face at a time
    model.json          about (page/engine.js) and what else the engine needs to know
    directions.f32      float32, little-endian: the directions, in the order of about
    facegen.json        its files' digests, and how it was made (facegen.io.folders)
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facegen.api.explore import Explorer
from facegen.io.digital_source import GENERATED
from facegen.io.folders import atomic_folder
from facegen.io.weights import DEFAULT_NAME
from facegen.io.xmp import with_source_type
from facegen.latent.move_choice import MoveChoice
from facegen.latent.radius_quantiles import RadiusQuantiles
from facegen.model.browser_graph import with_batch_of_one
from facegen.strict_json import to_json
from facegen.web.about import about
from facegen.web.guard import POLICY

if TYPE_CHECKING:
    from facegen.latent.directions import Move  # HDF5 costs 0.2 s

KIND = "static explorer"
PAGE, STATIC = (Path(__file__).parent / name for name in ("page", "static"))
INDEX, ENGINE, WORKER = "index.html", "engine.js", "decoder_worker.js"
# Of a page's own text only headers can say who may frame it; WebAssembly needs to be allowed.
STATIC_POLICY = POLICY.replace("; frame-ancestors 'none'", "").replace(
    "script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'"
)
WAIT = "The first faces are on their way."
WAIT_LONGER = (
    "The first faces are on their way: the model and what runs it are loaded first. If nothing "
    "comes, this page was opened as a file, which browsers don't let run; serve its folder with "
    "<code>python -m http.server</code>."
)


def write_static_page(
    explorer: Explorer, folder: str | os.PathLike, *, force: bool = False
) -> Path:
    """Writes a folder that shows the explorer's grid, sliders and mixes without a server.

    Args:
        explorer: with weights, and directions if there are any; all else is left out.
        force: replace such a folder; what facegen didn't make is never removed.

    Raises:
        MissingFileError, InputError: the weights or the directions can't be used.
        OutputError: the folder exists (without `force`), or can't be written.
    """
    told = about(explorer)
    move = _move(explorer, told["directions"])
    made = {"weights": _weights(explorer), "directions": _direction_files(move)}
    model = {**_model(explorer, told), **made}
    with atomic_folder(folder, KIND, {"command": "explore", **made}, force=force) as stage:
        for name, content in _files(explorer):
            stage.write_bytes(name, content)
        stage.write_bytes("directions.f32", _vectors(move))
        stage.write_bytes("model.json", to_json(model, ensure_ascii=False).encode())
    return Path(folder)


def _files(explorer: Explorer) -> Iterator[tuple[str, bytes]]:
    """Yields the names and the contents of the files that need no directions."""
    for path in sorted(PAGE.iterdir()):
        if path.name not in (INDEX, ENGINE):
            yield path.name, path.read_bytes()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            yield path.relative_to(STATIC).as_posix(), path.read_bytes()
    for codec in explorer.codecs.values():
        name = f"{codec.decoder}.tflite"
        yield name, with_batch_of_one(explorer.weights.read(name))
    yield INDEX, _index((PAGE / INDEX).read_text(encoding="utf-8")).encode()


def _index(html: str) -> str:
    """The page's text with the policy that headers would have given, and the engine's modules."""
    more = [f'<meta http-equiv="Content-Security-Policy" content="{STATIC_POLICY}">']
    modules = sorted({path.name for path in STATIC.glob("*.js")} - {ENGINE, WORKER})
    more += [f'<link rel="modulepreload" href="{name}">' for name in modules]
    head = '<meta charset="utf-8">\n'
    return html.replace(head, "\n".join([head.strip(), *more, ""])).replace(WAIT, WAIT_LONGER)


def _model(explorer: Explorer, told: dict[str, Any]) -> dict[str, Any]:
    """`about` as it is for this page, and what else static/engine.js needs to make faces."""
    weights, codecs = explorer.weights, explorer.codecs
    training = RadiusQuantiles.of_weights(weights)
    absent = dict.fromkeys(("photos", "originals", "fitted"), False)
    # The command names files as visitors may have them: no path of this machine is for them.
    files = {name: path and path.name for name, path in vars(explorer.files).items()}
    files["weights"] = None if weights.name == DEFAULT_NAME else weights.name
    return {
        "about": {
            **told,
            **absent,
            "files": files,
            "labels": [],
            "percentiles": training is not None,
            "stored": 0,
        },
        "training": training and {"shares": training.shares, "radii": training.radii},
        "xmp": with_source_type(b"", GENERATED).decode(),  # no photo goes into a face of this page
        "graphs": {name: f"{codec.decoder}.tflite" for name, codec in codecs.items()},
    }


def _weights(explorer: Explorer) -> dict[str, dict[str, str]]:
    """By decoder, what the provenance of a face says of the weights."""
    provenance = explorer.weights.provenance
    return {name: provenance("encoder", codec.decoder) for name, codec in explorer.codecs.items()}


def _move(explorer: Explorer, directions: list[dict[str, Any]]) -> Move | None:
    """A move along all directions by 1, which has their vectors and files; None without any."""
    names = {direction["name"]: 1.0 for direction in directions}
    if not names:
        return None
    return MoveChoice(names, attributes=explorer.files.attributes).find(explorer.weights)


def _direction_files(move: Move | None) -> dict[str, dict[str, str]]:
    """By kind, what the provenance of a move says of the file of its directions."""
    found: dict[str, dict[str, str]] = {}
    for key, value in ({} if move is None else move.provenance).items():
        for kind, source in (("label", "attributes"), ("component", "components")):
            if key in (f"{source}_file", f"{source}_sha256"):
                found.setdefault(kind, {})[key] = value
    return found


def _vectors(move: Move | None) -> bytes:
    """The directions' vectors, one after the other."""
    names = [] if move is None else list(move.amounts)
    vectors = [replace(move, amounts={name: 1.0}).offset() for name in names if move is not None]
    return np.array(vectors, "<f4").tobytes()
