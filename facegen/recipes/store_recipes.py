"""Recipes of the files that are no faces: stores, samplers, directions and exports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from facegen.io import (
    attribute_file,
    latent_store,
    onnx_file,
    parquet_file,
    sampler_file,
    sqlite_file,
)
from facegen.io.parts import Part
from facegen.io.records import Record
from facegen.io.weights import DECODERS
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
class ExportRecipe:
    """Of `export`, of a store."""

    store: StoreRecipe
    kind: str
    points: str

    @classmethod
    def read(cls, record: Record, most: int, columns: int | None) -> ExportRecipe:
        kind = record.text("kind", choices=("parquet", "sqlite"))
        return cls(
            StoreRecipe.read(record), kind, record.text("points", choices=latent_store.ARRAYS)
        )


@dataclass(frozen=True)
class OnnxRecipe:
    """Of `export`, of half of a model."""

    model: Model

    @classmethod
    def read(cls, record: Record, most: int, columns: int | None) -> OnnxRecipe:
        return cls(Model.read(record.record("weights")))

    @property
    def half(self) -> str:
        """The stem of its files in the folder of the weights."""
        return "encoder" if "encoder_sha256" in self.model.digests else DECODERS[self.model.decoder]


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


AnyStoreRecipe = EncodeRecipe | FitRecipe | AttributesRecipe | ExportRecipe | OnnxRecipe
STORE_READERS: dict[tuple[str, str], Callable[[Record, int, int | None], AnyStoreRecipe]] = {
    (latent_store.FORMAT, "encode"): EncodeRecipe.read,
    (sampler_file.FORMAT, "fit"): FitRecipe.read,
    (attribute_file.FORMAT, "attributes"): AttributesRecipe.read,
    (parquet_file.FORMAT, "export"): ExportRecipe.read,
    (sqlite_file.FORMAT, "export"): ExportRecipe.read,
    (onnx_file.FORMAT, "export"): OnnxRecipe.read,
}
