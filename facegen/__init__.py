"""Photos go in, a small set of weights comes out, and from then on a face costs a millisecond.

The library has one function per verb of the command line, of the same name, and the types they
take. Each is imported when it is first used, so that `import facegen` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facegen.analyzing import analyze_coordinates as analyze_coordinates
    from facegen.analyzing import analyze_logvar as analyze_logvar
    from facegen.analyzing import analyze_radius as analyze_radius
    from facegen.attributing import attributes as attributes
    from facegen.codec import Codec as Codec
    from facegen.crisp_options import CrispOptions as CrispOptions
    from facegen.directions import Directions as Directions
    from facegen.directions import Move as Move
    from facegen.editing import edit as edit
    from facegen.encoding import encode as encode
    from facegen.errors import FacegenError as FacegenError
    from facegen.evaluating import evaluate as evaluate
    from facegen.faces import FaceSet as FaceSet
    from facegen.fitted import FittedSampler as FittedSampler
    from facegen.fitting import fit as fit
    from facegen.generating import Sampler as Sampler
    from facegen.generating import generate as generate
    from facegen.grouping import analyze_clusters as analyze_clusters
    from facegen.grouping import analyze_tsne as analyze_tsne
    from facegen.latents import Latents as Latents
    from facegen.latents import iterate_latents as iterate_latents
    from facegen.latents import read_latents as read_latents
    from facegen.morphing import morph as morph
    from facegen.options import ModelOptions as ModelOptions
    from facegen.options import TrainingOptions as TrainingOptions
    from facegen.preparing import prepare as prepare
    from facegen.reconstructing import reconstruct as reconstruct
    from facegen.refining import refine as refine
    from facegen.reporting import analyze_report as analyze_report
    from facegen.retouching import sharpen as sharpen
    from facegen.sharpening import Sharpening as Sharpening
    from facegen.storing import write_latents as write_latents
    from facegen.training import train as train
    from facegen.weights import Weights as Weights

__version__ = "0.1.0"

_HOMES = {
    "Codec": "codec",
    "CrispOptions": "crisp_options",
    "Directions": "directions",
    "FaceSet": "faces",
    "FacegenError": "errors",
    "FittedSampler": "fitted",
    "Latents": "latents",
    "ModelOptions": "options",
    "Move": "directions",
    "Sampler": "generating",
    "Sharpening": "sharpening",
    "TrainingOptions": "options",
    "Weights": "weights",
    "analyze_clusters": "grouping",
    "analyze_coordinates": "analyzing",
    "analyze_logvar": "analyzing",
    "analyze_radius": "analyzing",
    "analyze_report": "reporting",
    "analyze_tsne": "grouping",
    "attributes": "attributing",
    "edit": "editing",
    "encode": "encoding",
    "evaluate": "evaluating",
    "fit": "fitting",
    "generate": "generating",
    "iterate_latents": "latents",
    "morph": "morphing",
    "prepare": "preparing",
    "read_latents": "latents",
    "reconstruct": "reconstructing",
    "refine": "refining",
    "sharpen": "retouching",
    "train": "training",
    "write_latents": "storing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'facegen' has no attribute {name!r}")
    return getattr(importlib.import_module(f"facegen.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
