"""Weights of the feature network are read without running what a file asks for."""

from __future__ import annotations

import io
import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from facegen.errors import InputError, MissingFileError
from facegen.io.torch_files import MAGIC, read_torch_file


class FloatStorage:
    """Pickled as torch.FloatStorage."""


FloatStorage.__module__ = "torch"


def rebuild(*arguments: object) -> None:
    """Pickled as torch._utils._rebuild_tensor_v2."""


class Tensor:
    """Pickled as PyTorch pickles a tensor."""

    def __init__(self, key: str, count: int, start: int, shape: tuple, strides: tuple):
        self.key, self.count = key, count
        self.view = start, shape, strides

    def __reduce__(self):
        return rebuild, (Storage(self.key, self.count), *self.view, False, OrderedDict())


class Storage:
    def __init__(self, key: str, count: int):
        self.identity = ("storage", FloatStorage, key, "cpu", count, None)


PYTHON_PICKLER: Any = pickle._Pickler  # in Python, so that it can write any name


class TorchPickler(PYTHON_PICKLER):
    def persistent_id(self, value: object):
        return value.identity if isinstance(value, Storage) else None

    def save_global(self, value, name=None):
        names = {rebuild: "torch._utils\n_rebuild_tensor_v2", FloatStorage: "torch\nFloatStorage"}
        if value in names:
            self.write(pickle.GLOBAL + names[value].encode() + b"\n")
        else:
            super().save_global(value, name)

    dispatch: ClassVar = {**PYTHON_PICKLER.dispatch, type(rebuild): save_global, type: save_global}


def torch_file(path: Path, tensors: object, storages: dict[str, np.ndarray]) -> Path:
    parts = [MAGIC, 1001, {"protocol_version": 1001, "little_endian": True}, tensors]
    with open(path, "wb") as file:
        for part in [*parts, list(storages)]:
            TorchPickler(file, 2).dump(part)
        for values in storages.values():
            file.write(struct.pack("<q", len(values)) + values.astype("<f4").tobytes())
    return path


VALUES = np.arange(12)


def test_tensors_come_back_with_their_strides(tmp_path: Path):
    tensors = OrderedDict(
        a=Tensor("0", 12, 0, (3, 4), (4, 1)), b=Tensor("0", 12, 1, (2, 3), (1, 4))
    )
    found = read_torch_file(torch_file(tmp_path / "a.pth", tensors, {"0": VALUES}))
    np.testing.assert_array_equal(found["a"], np.arange(12).reshape(3, 4))
    np.testing.assert_array_equal(found["b"], [[1, 5, 9], [2, 6, 10]])


class Hostile:
    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_a_hostile_file_is_refused_and_nothing_is_run(tmp_path: Path):
    path = torch_file(tmp_path / "h.pth", OrderedDict(a=Hostile(tmp_path / "owned")), {})
    pickle.loads(pickle.dumps(Hostile(tmp_path / "pickle-would")))
    assert (tmp_path / "pickle-would").is_dir()
    with pytest.raises(InputError, match=r"h\.pth is not a PyTorch file of tensors alone: it asks"):
        read_torch_file(path)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", ["builtins\neval", "os\nsystem", "torch\nload", "torch._utils\nx"])
def test_no_other_name_is_looked_up(tmp_path: Path, name: str):
    stream = io.BytesIO()
    for part in [MAGIC, 1001, {"little_endian": True}]:
        pickle.dump(part, stream, 2)
    stream.write(b"\x80\x02c" + name.encode() + b"\n.")
    path = tmp_path / "n.pth"
    path.write_bytes(stream.getvalue())
    with pytest.raises(InputError, match="which is no tensor"):
        read_torch_file(path)


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor("0", 12, 0, (3, 5), (5, 1)),
        Tensor("0", 12, 11, (2,), (1,)),
        Tensor("0", 12, -1, (2,), (1,)),
        Tensor("0", 12, 4, (2,), (-4,)),
        Tensor("0", 12, 0, (10**9,), (0,)),
        Tensor("0", 1 << 40, 0, (2,), (1,)),
        Tensor("1", 12, 0, (2,), (1,)),
    ],
)
def test_a_tensor_outside_its_storage_is_refused(tmp_path: Path, tensor: Tensor):
    path = torch_file(tmp_path / "o.pth", OrderedDict(a=tensor), {"0": VALUES})
    with pytest.raises(InputError, match="not a PyTorch file"):
        read_torch_file(path)


def test_a_truncated_file_and_a_missing_one_are_one_clear_line(tmp_path: Path):
    path = torch_file(
        tmp_path / "t.pth", OrderedDict(a=Tensor("0", 12, 0, (12,), (1,))), {"0": VALUES}
    )
    content = path.read_bytes()
    for length in (0, 10, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"t\.pth is not a PyTorch file"):
            read_torch_file(path)
    with pytest.raises(MissingFileError):
        read_torch_file(tmp_path / "none.pth")
