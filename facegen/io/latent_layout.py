"""An empty store, latents.h5, as it is made, and whether one is what a run would make."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np

from facegen.errors import OutputError
from facegen.io import hdf5
from facegen.io.files import atomic_output
from facegen.io.labels import Labels, changed_label, copy_labels
from facegen.io.latent_store import ARRAYS, FORMAT, FORMAT_VERSION, Latents, Origin
from facegen.io.parts import Part
from facegen.io.temporaries import Temporary

CHUNK_ENTRY = 100  # bytes in HDF5's tree of chunks, at most


def _create_array(file: hdf5.NewFile, name: str, rows: int, latent_dim: int) -> None:
    chunk_rows = min(rows, hdf5.rows_per_chunk(4 * latent_dim))
    chunk_bytes = 4 * chunk_rows * latent_dim
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    creation.set_fill_time(h5py.h5d.FILL_TIME_NEVER)  # reserved space is zeros
    hdf5.reserve(file, -(-rows // chunk_rows) * (chunk_bytes + CHUNK_ENTRY))
    file.create_dataset(
        name, (rows, latent_dim), "<f4", chunks=(chunk_rows, latent_dim), dcpl=creation
    )


def create_store(
    path: Path | Temporary,
    origin: Origin,
    labels: Labels,
    *,
    rows: int,
    latent_dim: int,
    part: Part | None,
    force: bool,
) -> None:
    """Writes a store without rows, all its disk space reserved: a full disk is found out here."""
    # Addresses are multiples of 8, so that rows_done never straddles two sectors of a disk.
    options = {"libver": "earliest", "alignment_threshold": 1, "alignment_interval": 8}
    with (
        atomic_output(path, force=force) as temporary,
        hdf5.create_file(temporary, **options) as file,
    ):
        hdf5.set_format(file, FORMAT, FORMAT_VERSION)
        file.attrs.update(asdict(origin))
        if part is not None:
            part.write(file)
        file.create_dataset("rows_done", data=np.array(0, "<u8"))
        file.create_dataset("complete", data=np.array(0, "u1"))
        copy_labels(file, labels, rows)
        for name in ARRAYS:
            _create_array(file, name, rows, latent_dim)


def check_same(
    store: Latents,
    origin: Origin,
    labels: Labels,
    rows: int,
    latent_dim: int,
    part: Part | None = None,
) -> None:
    """Refuses to go on with a store that something else made.

    Raises:
        OutputError: it was.
    """
    found = store.origin
    shards = [one and one.shard for one in (store.part, part)]
    reason = ""
    if shards[0] != shards[1]:
        reason = "is {}, not {}".format(*(shard or "a whole store" for shard in shards))
    elif found.encoder_sha256 != origin.encoder_sha256 or store.latent_dim != latent_dim:
        reason = f"was made with other weights ({found.weights}), not with {origin.weights}"
    elif found.fingerprint != origin.fingerprint or store.rows != rows:
        reason = f"was made from another input ({found.source}), not from {origin.source}"
    elif changed := changed_label(store, labels):
        reason = f"was made when {origin.source} had other {changed}"
    for name in ("seed", "epsilon_scale", "epsilon_limit"):
        if not reason and getattr(found, name) != getattr(origin, name):
            reason = f"was made with {name} {getattr(found, name)}, not {getattr(origin, name)}"
    if reason:
        raise OutputError(
            f"{store.path} {reason}; choose another output, or add --force to begin anew"
        )
