"""Recipes of exports for other programs: tables of a store, halves of a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from facegen.io import latent_store, onnx_file, parquet_file, sqlite_file
from facegen.io.records import Record
from facegen.io.weights import DECODERS
from facegen.recipes.ingredients import Model, StoreRecipe


@dataclass(frozen=True)
class ExportRecipe:
    """Of `export`, of a store."""

    store: StoreRecipe
    kind: str
    points: str

    @classmethod
    def read(cls, record: Record, most: int, columns: int | None) -> ExportRecipe:
        kind = record.text("kind", choices=("parquet", "sqlite"))
        points = record.text("points", choices=latent_store.ARRAYS)
        return cls(StoreRecipe.read(record), kind, points)


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


AnyExport = ExportRecipe | OnnxRecipe
EXPORTS: dict[tuple[str, str], Callable[[Record, int, int | None], AnyExport]] = {
    (parquet_file.FORMAT, "export"): ExportRecipe.read,
    (sqlite_file.FORMAT, "export"): ExportRecipe.read,
    (onnx_file.FORMAT, "export"): OnnxRecipe.read,
}
