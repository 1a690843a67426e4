"""What a cluster can be asked to do. A job travels to each worker once, then blocks of rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from facegen.errors import FacegenError, InputError
from facegen.images.sharpening import Sharpening
from facegen.model.codec import Codec, encode_points

if TYPE_CHECKING:  # HDF5 costs 0.2 s, which who decodes doesn't need
    from facegen.io.face_set import FaceSet
    from facegen.io.latent_store import Origin

Arrays = tuple[np.ndarray, ...]
Rows = tuple[range, np.ndarray | None]  # and their images, where they are sent along


class Job(Protocol):
    """A job, which can be pickled until it has been used."""

    def run(self, block: Any) -> Arrays | None:
        """On a worker: what a block gives; None where the worker lacks what the block is of."""

    def bring(self, block: Any) -> Any:
        """Beside the command: the same block, with all that it is of."""


@dataclass
class DecodeJob:
    """Points to sharpened faces.

    The command draws the points: so a worker needs no sampler, and the bits of a point do not
    depend on the worker's processor.

    Attributes:
        codec: one that carries its decoder's graph.
        sharpening: of each face.
    """

    codec: Codec
    sharpening: Sharpening

    def run(self, block: np.ndarray) -> Arrays:
        """A block is points, float32 (n, latent_dim); it gives uint8 (n, size, size, 3)."""
        return (self.sharpening.apply_to_faces(self.codec.decode(block)),)

    def bring(self, block: np.ndarray) -> np.ndarray:
        return block


@dataclass
class EncodeJob:
    """Faces to their points: workers read them where they find the face set, else they are sent.

    Attributes:
        codec: one that carries its encoder's graph.
        origin: of the store.
        path: of the face set on the command's machine; on shared storage it is there for all.
        fingerprint: of the face set. Another file of that name is left alone.
    """

    codec: Codec
    origin: Origin
    path: Path
    fingerprint: str
    _faces: FaceSet | None = field(default=None, init=False)

    def run(self, block: Rows) -> Arrays | None:
        """A block is rows, and their images or None; it gives mu, logvar and z."""
        rows, images = block
        if images is None:
            images = self._read(rows)
        return None if images is None else encode_points(self.codec, images, rows, self.origin)

    def bring(self, block: Rows) -> Rows:
        images = self._read(block[0])
        if images is None:
            raise InputError(f"{self.path} was changed or removed while it was encoded")
        return block[0], images

    def _read(self, rows: range) -> np.ndarray | None:
        if self._faces is None:
            self._faces = self._open()
        return None if self._faces is None else self._faces.read_range(rows.start, rows.stop)

    def _open(self) -> FaceSet | None:
        from facegen.io.face_set import FaceSet

        try:
            faces = FaceSet.open(self.path)
        except FacegenError:
            return None
        if faces.fingerprint == self.fingerprint:
            return faces
        faces.file.close()
        return None
