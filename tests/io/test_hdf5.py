"""Opening facegen's HDF5 files, and refusing what is not theirs."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

import facegen
from facegen.errors import InputError, MissingFileError
from facegen.io import hdf5
from facegen.io.files import atomic_output
from facegen.io.hdf5_provenance import (
    ATTRIBUTE,
    SOURCE_TYPE,
    read_file_provenance,
    read_file_source_type,
)

KIND = "facegen-thing"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "thing.h5"
    with h5py.File(path, "w") as file:
        hdf5.set_format(file, KIND, 1)
        file["numbers"] = np.arange(12, dtype=np.float32).reshape(3, 4)
    return path


def change(path, name, value):
    with h5py.File(path, "r+") as file:
        file.attrs[name] = value


def test_the_format_is_written_and_found_again(path):
    with hdf5.open_file(path, KIND, 1) as file:
        assert dict(file.attrs) == {
            "format": KIND,
            "format_version": 1,
            "facegen_version": facegen.__version__,
        }
        assert file.mode == "r"


def test_an_older_version_is_read(path):
    with hdf5.open_file(path, KIND, 2) as file:
        assert file.attrs["format_version"] == 1


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingFileError, match=f"^{tmp_path / 'nothing'} does not exist$"):
        hdf5.open_file(tmp_path / "nothing", KIND, 1)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(MissingFileError, match="is a folder"):
        hdf5.open_file(tmp_path, KIND, 1)


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG" + bytes(5000)])
def test_what_is_not_hdf5_is_refused(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InputError, match=f"x is not an HDF5 file; expected {KIND}"):
        hdf5.open_file(tmp_path / "x", KIND, 1)


def test_a_truncated_file_is_refused(path):
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"can't be opened: truncated$"):
        hdf5.open_file(path, KIND, 1)


def test_another_kind_is_refused_by_name(path):
    change(path, "format", "facegen-other")
    with pytest.raises(InputError, match=f"is facegen-other; expected {KIND}"):
        hdf5.open_file(path, KIND, 1)


def test_hdf5_of_another_program_is_refused(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["data"] = 1
    with pytest.raises(InputError, match="is another program's HDF5"):
        hdf5.open_file(tmp_path / "x.h5", KIND, 1)


def test_a_newer_version_is_refused(path):
    change(path, "format_version", 2)
    with pytest.raises(InputError, match="version 2, this facegen reads up to 1; upgrade facegen"):
        hdf5.open_file(path, KIND, 1)


@pytest.mark.parametrize("version", ["one", np.array([1, 1]), None])
def test_a_damaged_version_is_refused(path, version):
    with h5py.File(path, "r+") as file:
        del file.attrs["format_version"]
        if version is not None:
            file.attrs["format_version"] = version
    with pytest.raises(InputError, match="damaged"):
        hdf5.open_file(path, KIND, 1)


def test_a_refused_file_is_closed_again(path):
    change(path, "format_version", 2)
    with pytest.raises(InputError) as caught:
        hdf5.open_file(path, KIND, 1)
    h5py.File(path, "r+").close()  # fails while it is open for reading
    assert caught.traceback  # which would keep the file open


def test_a_dataset_is_found(path):
    with hdf5.open_file(path, KIND, 1) as file:
        data = hdf5.dataset(file, "numbers", ndim=2, dtype=np.float32)
        np.testing.assert_array_equal(data[1], [4, 5, 6, 7])


def test_a_dataset_of_another_rank_or_dtype_is_refused(path):
    with hdf5.open_file(path, KIND, 1) as file:
        with pytest.raises(InputError, match=r"'numbers' is \(3, 4\) float32; expected 1 dim"):
            hdf5.dataset(file, "numbers", ndim=1)
        with pytest.raises(InputError, match=r"expected 2 dimensions of .*uint8"):
            hdf5.dataset(file, "numbers", ndim=2, dtype=np.uint8)


@pytest.mark.parametrize("name", ["nothing", "nothing/deeper"])
def test_a_missing_dataset_is_refused(path, name):
    message = f"has no dataset '{name}'"
    with hdf5.open_file(path, KIND, 1) as file, pytest.raises(InputError, match=message):
        hdf5.dataset(file, name, ndim=2)


@pytest.mark.parametrize("part", [b"OHDR", b"FRHP", b"TREE", b"HEAP", b"SNOD"])
def test_damaged_structures_are_input_errors(tmp_path, part):
    """Bytes are changed behind each signature that HDF5 puts before its structures."""
    path = tmp_path / "thing.h5"
    oldest = part in (b"TREE", b"HEAP", b"SNOD")
    with h5py.File(path, "w", libver="earliest" if oldest else "v108") as file:
        hdf5.set_format(file, KIND, 1)
        file["numbers"] = np.zeros((3, 4), np.float32)
        for number in range(20):  # more than the root's header holds
            file.attrs[f"{number}"] = "x" * 100
    good = path.read_bytes()
    places = [i for i in range(len(good)) if good.startswith(part, i)]
    assert places
    message = r"damaged|can't be opened|another program"
    for place in places:
        path.write_bytes(good[:place] + b"damage" + good[place + 6 :])
        with pytest.raises(InputError, match=message), hdf5.open_file(path, KIND, 1) as file:
            hdf5.dataset(file, "numbers", ndim=2)


def test_links_and_other_odd_datasets_are_refused(path, tmp_path):
    """None of them may make facegen read another file."""
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["group/numbers"] = np.zeros((3, 4), np.float32)
    layout = h5py.VirtualLayout((3, 4), np.float32)
    layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "group/numbers", (3, 4))
    with h5py.File(path, "r+") as file:
        file["soft"] = h5py.SoftLink("/numbers")
        file["external"] = h5py.ExternalLink("other.h5", "/group/numbers")
        file["behind"] = h5py.ExternalLink("other.h5", "/group")
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("raw", (3, 4), np.float32, external=[("/etc/passwd", 0, 48)])
        file.create_group("group")
    names = ("soft", "external", "behind/numbers", "virtual", "raw", "group")
    with hdf5.open_file(path, KIND, 1) as file:
        for name in names:
            with pytest.raises(InputError, match=f"{path}"):
                hdf5.dataset(file, name, ndim=2)


def test_chunks_have_about_a_mebibyte():
    assert hdf5.rows_per_chunk(96 * 96 * 3) == 37  # 37 * 27648 = 1,022,976 of 1,048,576
    assert hdf5.rows_per_chunk(1) == 1_048_576
    assert hdf5.rows_per_chunk(10**9) == 1


def test_an_attribute_that_is_no_text_or_number_is_not_read(path):
    """HDF5 crashes when it converts a damaged one, as fuzzing has found."""
    with h5py.File(path, "r+") as file:
        sequences = np.empty(1, object)
        sequences[0] = np.frombuffer(b"abc", np.uint8)
        file.attrs.create("format", sequences, dtype=h5py.vlen_dtype("u1"))
    for read in (lambda: hdf5.kind_of(path), lambda: hdf5.open_file(path, KIND, 1)):
        with pytest.raises(InputError, match="'format' is neither a text nor a number"):
            read()


@pytest.mark.parametrize("name", [ATTRIBUTE, SOURCE_TYPE])
def test_an_attribute_whose_head_is_damaged_is_an_error_of_one_line(path, name):
    """HDF5 finds that out when it looks for the name, as fuzzing has found."""
    change(path, name, "{}")
    data = bytearray(path.read_bytes())
    data[data.index(name.encode() + b"\0") + 3] = 0  # so that the name is shorter than its length
    path.write_bytes(data)
    read = read_file_provenance if name == ATTRIBUTE else read_file_source_type
    with (
        h5py.File(path) as file,
        pytest.raises(InputError, match=r"thing\.h5 is damaged: .*length"),
    ):
        read(file)


def test_hdf5_holds_back_less_than_is_reserved(tmp_path):
    """Else a full disk is found out as HDF5 writes, and HDF5 crashes (2.0 holds back 8 MiB)."""
    with (
        atomic_output(tmp_path / "new.h5") as temporary,
        hdf5.create_file(temporary) as file,
    ):
        numbers = file.create_dataset("numbers", (64, 1 << 20), "u1", chunks=(1, 1 << 20))
        chunk_bytes = numbers.id.get_access_plist().get_chunk_cache()[1]
    assert chunk_bytes + hdf5.METADATA_BYTES < hdf5.CACHED_BYTES
