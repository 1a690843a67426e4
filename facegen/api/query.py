"""query: rows of an encoded store, chosen by radius, attributes and split."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from facegen.analysis.scan import radii
from facegen.errors import InputError
from facegen.io.hdf5 import SPLITS
from facegen.io.latent_store import Latents, check_array

BATCH = 4096  # rows in memory at a time
SPLIT_NAMES = {number: name for name, number in SPLITS.items()}


@dataclass(frozen=True)
class Conditions:
    """Which rows to choose: those that meet all that is given.

    Attributes:
        min_radius, max_radius: of |point|, both included.
        attributes: name to 1 (yes), -1 (no) or 0 (unknown).
        split: "train" or "test".
    """

    min_radius: float | None = None
    max_radius: float | None = None
    attributes: Mapping[str, int] | None = None
    split: str | None = None

    def check(self, store: Latents) -> None:
        """Raises InputError if the store lacks an attribute."""
        for name in self.attributes or {}:
            if name not in store.attribute_names:
                near = difflib.get_close_matches(name, store.attribute_names, 3, 0.5)
                has = "it has " + ", ".join(near or store.attribute_names[:40])
                raise InputError(
                    f"{store.path} has no attribute {name!r}; "
                    + (
                        has
                        if store.attribute_names
                        else "it has none ('facegen prepare --attributes' reads them)"
                    )
                )

    def met(self, store: Latents, rows: slice, radius: np.ndarray) -> np.ndarray:
        """Which of a range of rows to choose, bool (n), given their radius, float64 (n)."""
        chosen = np.ones(len(radius), bool)
        if self.min_radius is not None:
            chosen &= radius >= self.min_radius
        if self.max_radius is not None:
            chosen &= radius <= self.max_radius
        if self.split is not None:
            chosen &= store.is_test[rows] == (self.split == "test")
        if self.attributes:
            values = store.file["attributes"][rows]
            for name, value in self.attributes.items():
                chosen &= values[:, store.attribute_names.index(name)] == value
        return chosen


def query_rows(
    store: Latents, conditions: Conditions, *, array: str = "z", limit: int | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields (row numbers int64 (n), their radius float64 (n)) of the rows chosen, in order.

    Raises:
        InputError: the store lacks an attribute.
    """
    conditions.check(store)
    for rows, points in store.iterate(array, batch_size=BATCH):
        radius = radii(points, np.float64)
        chosen = np.flatnonzero(conditions.met(store, rows, radius))[:limit]
        if len(chosen):
            yield rows.start + chosen, radius[chosen]
        if limit is not None:
            limit -= len(chosen)
            if limit == 0:
                return


def describe_rows(store: Latents, rows: np.ndarray, radius: np.ndarray) -> Iterator[dict[str, Any]]:
    """Yields what a store knows of some rows, rising and near to each other.

    Yields:
        row, name, split ("train" or "test"), radius, None where the point is not finite; with
        identities, identity; with attributes, attributes, a dict of name to 1, -1 or 0.
    """
    window = slice(int(rows[0]), int(rows[-1]) + 1)
    names = store.read_names(window)
    people = store.file["identities"][window] if "identities" in store.file else None
    values = store.file["attributes"][window] if store.attribute_names else None
    for row, length in zip(rows.tolist(), radius.tolist(), strict=True):
        i = row - window.start
        found: dict[str, Any] = {
            "row": row,
            "name": names[i],
            "split": SPLIT_NAMES[int(store.is_test[row])],
            "radius": round(length, 6) if math.isfinite(length) else None,
        }
        if people is not None:
            found["identity"] = int(people[i])
        if values is not None:
            found["attributes"] = dict(zip(store.attribute_names, values[i].tolist(), strict=True))
        yield found


def query(
    latents: str | os.PathLike,
    *,
    min_radius: float | None = None,
    max_radius: float | None = None,
    attribute: Mapping[str, int] | None = None,
    split: str | None = None,
    limit: int | None = None,
    points: str = "z",
    details: bool = True,
) -> Iterator[dict[str, Any]]:
    """Chooses rows of a store by radius, attributes and split, as a stream in flat memory.

    Args:
        latents: latents.h5, complete or not.
        min_radius, max_radius: of the points, both included.
        attribute: label to 1 (yes), -1 (no) or 0 (unknown), such as {"Smiling": 1}.
        split: "train" or "test".
        limit: how many rows at most; by default all.
        points: "z" or "mu", the points that the radius is measured of.
        details: tell all that is known of a row; otherwise its number alone, which is quicker.

    Yields:
        As `describe_rows`, or with "row" alone; rows rise.

    Raises:
        MissingFileError, InputError: no store, or it lacks an attribute.
    """
    check_array(points)
    conditions = Conditions(min_radius, max_radius, attribute, split)
    with Latents.open(latents) as store:
        for rows, radius in query_rows(store, conditions, array=points, limit=limit):
            if details:
                yield from describe_rows(store, rows, radius)
            else:
                yield from ({"row": row} for row in rows.tolist())
