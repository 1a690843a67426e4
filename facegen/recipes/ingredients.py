"""What a recipe (`facegen.recipes.recipe`) is made of: weights, samplers, points, stores,
sharpenings.

Provenance may be a stranger's: every value is checked as it is read (`facegen.io.records`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, cast

from facegen.errors import InputError
from facegen.images.photos import Box
from facegen.images.sharpening import Sharpening
from facegen.io.latent_store import Origin
from facegen.io.parts import Part
from facegen.io.records import Key, Record
from facegen.io.weights import DECODERS, Weights
from facegen.latent.components import is_component
from facegen.latent.radius_quantiles import RadiusQuantiles
from facegen.row_ranges import MAX_ROW
from facegen.seeds import MAX_SEED
from facegen.shards import MAX_SHARDS, Shard

LARGEST = 1e6  # of numbers such as sigma: a thousand times what the command line takes
MAX_LABELS = 1000
TO_TELL = ("weights", "source")  # of an Origin: to tell people; the same rows may have others


@dataclass(frozen=True)
class Model:
    """The weights that made an output.

    Attributes:
        digests: of "encoder_sha256" and "decoder_sha256" those that are recorded.
    """

    name: str
    decoder: str
    digests: dict[str, str]

    @classmethod
    def read(cls, record: Record) -> Model:
        keys = ("encoder_sha256", "decoder_sha256")
        return cls(
            record.text("name"),
            record.text("decoder", "plain", choices=tuple(DECODERS)),
            {key: record.text(key) for key in keys if key in record},
        )

    def differs(self, weights: Weights) -> str | None:
        """Which of the digests some weights don't have, in words; None if they have all."""
        halves = {"encoder_sha256": "encoder", "decoder_sha256": DECODERS[self.decoder]}
        for key, digest in self.digests.items():
            graph = f"{halves[key]}.tflite"
            if not (weights.path / graph).exists() or weights.digest(graph) != digest:
                return f"{key} {digest[:12]}"
        return None


@dataclass(frozen=True)
class MoveRecipe:
    """A move along directions.

    Attributes:
        files: name and SHA-256 of the files that have them: "attributes", "components" or both.
    """

    attributes: dict[str, float]
    without: list[str]
    files: dict[str, tuple[str, str]]

    @classmethod
    def read(cls, record: Record) -> MoveRecipe:
        amounts = record.amounts("attributes", MAX_LABELS, LARGEST)
        without = record.texts("without", MAX_LABELS)
        kinds = {("attributes", "components")[is_component(name)] for name in (*amounts, *without)}
        files = {
            kind: (record.text(f"{kind}_file"), record.text(f"{kind}_sha256"))
            for kind in sorted(kinds)
        }
        return cls(amounts, without, files)


@dataclass(frozen=True)
class EditRecipe:
    """What is done to faces (`facegen.latent.edits.Edit`)."""

    move: MoveRecipe | None = None
    radius: float | None = None

    @classmethod
    def read(cls, record: Record) -> EditRecipe:
        return cls(
            MoveRecipe.read(record.record("move")) if "move" in record else None,
            record.number("radius", 0, LARGEST) if "radius" in record else None,
        )


@dataclass(frozen=True)
class SamplerRecipe:
    """Where points come from; what is None was not chosen.

    Attributes:
        name: "normal", "uniform", "fitted" or "latents".
        extent: sigma or r_limit.
        file, sha256: of a fitted sampler; `file` of a store, too.
        array, expected: of a store: "z" or "mu", and values of its Origin.
    """

    name: str
    extent: float = 1.0
    file: str = ""
    sha256: str = ""
    array: str = "z"
    expected: dict[str, Any] | None = None
    radius: float | None = None
    percentiles: tuple[float, ...] | None = None
    quantiles: RadiusQuantiles | None = None
    truncation: float | None = None
    move: MoveRecipe | None = None

    @classmethod
    def read(cls, record: Record) -> SamplerRecipe:
        """Raises InputError for one that this facegen doesn't know, too."""
        name = record.text("name")
        if name not in SAMPLERS:
            raise InputError(
                f"the original's points come from a sampler {name[:40]!r}; upgrade facegen"
            )
        found = cls(name, **SAMPLERS[name](record))
        if "radius" in record:
            found = replace(found, radius=record.number("radius", 0, LARGEST))
        if "radius_percentile" in record:
            low, high = record.numbers("radius_percentile", 2, 0, 100)
            quantiles = record.amounts("radius_quantiles", MAX_LABELS, LARGEST)
            parsed = RadiusQuantiles.parse(quantiles)
            found = replace(found, percentiles=(low, high), quantiles=parsed)
        if "truncation" in record:
            found = replace(found, truncation=record.number("truncation", 0, 1))
        if "move" in record:
            found = replace(found, move=MoveRecipe.read(record.record("move")))
        return found


def _read_stored(record: Record) -> dict[str, Any]:
    return {
        "file": record.text("latents"),
        "array": record.text("points", choices=("z", "mu")),
        "expected": {
            "fingerprint": record.text("latents_fingerprint"),
            "epsilon_scale": record.number("epsilon_scale", -LARGEST, LARGEST),
            "encoder_sha256": record.text("encoder_sha256"),
        },
    }


SAMPLERS: dict[str, Callable[[Record], dict[str, Any]]] = {
    "normal": lambda record: {"extent": record.number("sigma", 1e-6, LARGEST)},
    "uniform": lambda record: {"extent": record.number("r_limit", 1e-6, LARGEST)},
    "fitted": lambda record: {
        "file": record.text("sampler"),
        "sha256": record.text("sampler_sha256"),
    },
    "latents": _read_stored,
}


@dataclass(frozen=True)
class Source:
    """Where a point comes from.

    Attributes:
        recorded: as it stands in the provenance.
        kind: "seed", or the key of the file's name: "faces", "latents" or "photo".
        file: its name; "" of a seed.
        digest: the fingerprint of a face set or a store, the SHA-256 of a photo.
        row: of a face set, a store or a seed.
        within: the folder or archive that a photo was in, "" where it was named itself.
        sampler: of a seed, where it is another than the normal one.
    """

    recorded: dict[str, Any]
    kind: str
    file: str = ""
    digest: str = ""
    row: int = 0
    seed: int = 0
    align: str = "auto"
    box: Box | None = None
    within: str = ""
    sampler: SamplerRecipe | None = None

    @classmethod
    def read(cls, record: Record) -> Source:
        recorded = cast(dict[str, Any], record.values)
        if "seed" in record:
            seed, row = record.whole("seed", 0, MAX_SEED), record.whole("row", 0, MAX_ROW)
            sampler = SamplerRecipe.read(record.record("sampler")) if "sampler" in record else None
            return cls(recorded, "seed", seed=seed, row=row, sampler=sampler)
        for kind in ("faces", "latents"):
            if kind in record:
                file, digest = record.text(kind), record.text("fingerprint")
                return cls(recorded, kind, file, digest, record.whole("row", 0, MAX_ROW))
        box = record.numbers("box", 4, 0, 10**6) if record.value("box", None) else None
        return cls(
            recorded,
            "photo",
            record.text("photo"),
            record.text("sha256"),
            align=record.text("align", "auto", choices=("auto", "yes", "no")),
            box=cast(Box | None, box),
            within=record.text("within", ""),
        )

    @property
    def has_original(self) -> bool:
        """Whether the point was encoded from a picture that can be shown."""
        return self.kind in ("faces", "photo")


def read_part(record: Record) -> Part | None:
    """Which part of a whole an output is; None for a whole."""
    if "part" not in record:
        return None
    own = record.record("part")
    shard = Shard(own.whole("shard", 1, MAX_SHARDS), own.whole("shards", 1, MAX_SHARDS))
    return Part(shard, own.whole("whole_rows", shard.count, MAX_ROW))


def read_sharpening(record: Record, name: Key = "sharpening") -> Sharpening:
    """A sharpening by its provenance; null for none."""
    if record.value(name) is None:
        return Sharpening()
    own = record.record(name)
    if "unsharp" not in own:
        return Sharpening(own.number("sharpness", -LARGEST, LARGEST))
    return Sharpening(unsharp=cast(Any, own.numbers("unsharp", 3, 0, 1000)))


@dataclass(frozen=True)
class Nearest:
    """The training faces under generated ones."""

    store: str
    fingerprint: str
    shown: str

    @classmethod
    def read(cls, record: Record) -> Nearest:
        names = ("latents", "latents_fingerprint", "shown")
        return cls(*(record.text(name) for name in names))


@dataclass(frozen=True)
class StoreRecipe:
    """A store that something was made from (`facegen.io.latent_store.Latents.provenance`)."""

    file: str
    rows_done: int
    origin: dict[str, Any]

    @classmethod
    def read(cls, record: Record) -> StoreRecipe:
        origin = record.record("origin")
        names = [field.name for field in fields(Origin) if field.name not in TO_TELL]
        file, rows_done = record.text("latents"), record.whole("rows_done", 0, MAX_ROW)
        return cls(file, rows_done, {name: origin.value(name) for name in names})
