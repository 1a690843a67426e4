"""The choice of a move along directions: how far, without what, and whose directions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facegen.errors import InputError
from facegen.io.weights import Weights

if TYPE_CHECKING:
    from facegen.latent.directions import Move  # HDF5 costs 0.2 s, which most sheets don't need


@dataclass(frozen=True)
class MoveChoice:
    """How to move faces, as `facegen generate` and `facegen edit` let one choose.

    Attributes:
        attribute: label or component to amount, at least one, for example {"Smiling": 1.5,
            "pc-1": -2}; 1 leads from the average face without a label to that with, and along a
            component by one standard deviation.
        without: labels and components whose directions are left out of those moved along.
        attributes: a file of directions, as `facegen.attributes` or `facegen.components` writes
            it; by default those beside the weights, and for the other kind in any case.

    Raises:
        InputError: no label is given, or one twice.
    """

    attribute: Mapping[str, float]
    without: Sequence[str] = ()
    attributes: str | os.PathLike | None = None

    def __post_init__(self) -> None:
        if not self.attribute:
            raise InputError("--without and --attributes go with --attribute.")
        repeated = sorted(set(self.attribute) & set(self.without))
        if repeated:
            raise InputError(f"{', '.join(repeated)} is given twice.")

    def find(self, weights: Weights) -> Move:
        """The move, once its directions are read.

        Raises:
            MissingFileError, InputError: no such file, it was made with another encoder, or it
                lacks a label.
        """
        from facegen.latent.components import by_kind, find_components, is_component
        from facegen.latent.directions import Move, find_directions

        named = [is_component(name) for name in (*self.attribute, *self.without)]
        of_labels, of_components = by_kind(self.attributes)
        components = find_components(weights, of_components) if any(named) else None
        directions = None if all(named) else find_directions(weights, of_labels)
        move = Move(directions, self.attribute, self.without, components)
        move.offset()  # a wrong name is found before the work begins
        return move
