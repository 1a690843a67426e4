"""Recipes of the HDF5 files that are no faces: stores, samplers and directions."""

from __future__ import annotations

from dataclasses import dataclass

from facegen.io import sampler_file
from facegen.io.parts import Part
from facegen.io.records import Record
from facegen.recipes.ingredients import LARGEST, MAX_LABELS, Model, StoreRecipe, read_part
from facegen.row_ranges import MAX_ROW
from facegen.seeds import MAX_SEED


@dataclass(frozen=True)
class EncodeRecipe:
    """Of `encode`, of a face set."""

    model: Model
    source: str
    fingerprint: str
    seed: int
    epsilon_scale: float
    part: Part | None

    @classmethod
    def read(cls, record: Record, most: int, columns: int | None) -> EncodeRecipe:
        return cls(
            Model.read(record.record("weights")),
            record.text("source"),
            record.text("fingerprint"),
            record.whole("seed", 0, MAX_SEED),
            record.number("epsilon_scale", -LARGEST, LARGEST),
            read_part(record),
        )


@dataclass(frozen=True)
class FitRecipe:
    """Of `fit`."""

    store: StoreRecipe
    kind: str
    components: int
    points: str
    split: str
    seed: int

    @classmethod
    def read(cls, record: Record, most: int, columns: int | None) -> FitRecipe:
        return cls(
            StoreRecipe.read(record),
            kind=record.text("kind", choices=sampler_file.KINDS),
            components=record.whole("components", 1, most),
            points=record.text("points", choices=("z", "mu")),
            split=record.text("split", choices=("train", "all")),
            seed=record.whole("seed", 0, MAX_SEED),
        )


@dataclass(frozen=True)
class AttributesRecipe:
    """Of `attributes`."""

    store: StoreRecipe
    without: list[str]
    min_count: int

    @classmethod
    def read(cls, record: Record, most: int, columns: int | None) -> AttributesRecipe:
        without, least = record.texts("without", MAX_LABELS), record.whole("min_count", 2, MAX_ROW)
        return cls(StoreRecipe.read(record), without, least)


@dataclass(frozen=True)
class ComponentsRecipe:
    """Of `attributes --unsupervised`; store is None where the weights alone were asked."""

    model: Model
    store: StoreRecipe | None
    count: int
    min_count: int

    @classmethod
    def read(cls, record: Record, most: int, columns: int | None) -> ComponentsRecipe:
        return cls(
            Model.read(record.record("weights")),
            StoreRecipe.read(record) if "latents" in record else None,
            record.whole("count", 1, MAX_ROW),
            record.whole("min_count", 2, MAX_ROW),
        )


FileRecipe = EncodeRecipe | FitRecipe | AttributesRecipe | ComponentsRecipe
