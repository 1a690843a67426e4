"""The choice of a move along labels' directions: how far, without what, and whose directions."""

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
        attribute: label to amount, at least one; 1 leads from the average face without to that
            with, for example {"Smiling": 1.5}.
        without: labels whose directions are left out of those moved along.
        attributes: the file of directions, as `facegen.attributes` writes it; by default the one
            beside the weights.

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
        from facegen.latent.directions import Move, find_directions

        move = Move(find_directions(weights, self.attributes), self.attribute, self.without)
        move.offset()  # a wrong label is found before the work begins
        return move
