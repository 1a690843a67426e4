"""Only temporaries, files, folders and locks in io/ open for writing, rename, remove or lock.

Every other module writes into what `atomic_output` or `atomic_folder` gives: its `write_text`,
`write_bytes` or `file`. HDF5, SQLite and ffmpeg open that by its name; io/hdf5.py alone has HDF5
write. Folders are made anywhere, and Python's TemporaryDirectory is no output.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import facegen

HOME = Path(facegen.__file__).parent
PUBLISHERS = {"io/temporaries.py", "io/files.py", "io/folders.py", "io/locks.py"}
HDF5 = "io/hdf5.py"
# Where a temporary is opened by its name: by HDF5, SQLite or ffmpeg, or to be read.
BY_NAME = {HDF5, "images/animation.py", "api/encode.py", "api/prepare_changes.py"}
BY_NAME |= {"io/weights_writer.py", "io/sqlite_file.py"}

GIVERS = {"atomic_output", "atomic_folder", "temporary_file", "publish_model", "successor"}
OF_PATHS = {"unlink", "rename", "rmdir", "touch", "symlink_to", "hardlink_to", "removedirs"}
OF_PATHS |= {"rmtree", "savefig", "tofile", "to_csv", "savetxt", "memmap", "flock", "lockf"}
OF_MODULES = {
    "os": {"replace", "remove", "renames", "link", "symlink", "truncate", "mkfifo", "chmod"},
    "shutil": {"rmtree", "move", "copy", "copy2", "copyfile", "copytree", "make_archive"},
    "tempfile": {"NamedTemporaryFile", "TemporaryFile", "mkstemp", "mkdtemp"},
    "np": {"save", "savez", "savez_compressed"},
}
WRITES = re.compile(r"[rwxabt+]*[wxa+][rwxabt+]*")


def names_of_temporaries(tree: ast.AST) -> set[str]:
    """Names that `atomic_output` or `publish_model` give, or that are said to be a Temporary."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.withitem) and node.optional_vars is not None:
            if re.match(
                "(atomic_output|atomic_folder|temporary_file|publish_model|successor)[(]",
                ast.unparse(node.context_expr),
            ):
                found.add(ast.unparse(node.optional_vars))
        elif isinstance(node, ast.arg) and node.annotation is not None:
            if ast.unparse(node.annotation) in ("Temporary", "ModelStage", "FolderStage"):
                found.add(node.arg)
        elif isinstance(node, ast.Assign) and "atomic_output(" in ast.unparse(node.value):
            found |= {ast.unparse(target) for target in node.targets}
    return found


def in_memory(tree: ast.AST) -> set[str]:
    """Names of io.BytesIO and io.StringIO."""
    return {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.value) in ("io.BytesIO()", "BytesIO()")
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def mode_of(call: ast.Call, place: int) -> str | None:
    """The mode that a file is opened with; "?" where only a run would tell."""
    given = [word.value for word in call.keywords if word.arg == "mode"] or call.args[place:][:1]
    if not given:
        return None
    return str(given[0].value) if isinstance(given[0], ast.Constant) else "?"


def opens_for_writing(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    if name == "os.open":
        path, *flags = map(ast.unparse, call.args)
        return path != "os.devnull" and flags[:1] != ["os.O_RDONLY"]
    if name == "open" and ast.unparse(call.args[0]) == "descriptor":
        return False  # whoever made it has opened the file
    if name in ("open", "io.open", "os.fdopen"):
        mode = mode_of(call, 1)
        return mode is not None and (mode == "?" or bool(WRITES.fullmatch(mode)))
    if name.endswith((".open", "ZipFile", "TarFile")):
        modes = [mode_of(call, place) for place in (0, 1)]
        return any(isinstance(mode, str) and WRITES.fullmatch(mode) for mode in modes)
    return False


def called(call: ast.Call, temporaries: set[str], memory: set[str]) -> str:
    """The name of a function that writes, removes or locks, or ""."""
    of, _, name = ast.unparse(call.func).rpartition(".")
    to = ast.unparse(call.args[0]) if call.args else ""
    if name in OF_PATHS or name in OF_MODULES.get(of, ()):
        return name
    if name == "replace" and of and len(call.args) == 1 and not call.keywords:  # of a text: two
        return name
    # A stage of a model's files gives a temporary when it is called.
    if name in ("write_text", "write_bytes") and of.partition("(")[0] not in temporaries:
        return name
    if name == "File" and mode_of(call, 1) not in (None, "r"):
        return name
    if name == "save" and any(word.arg == "format" for word in call.keywords):
        return "" if to in memory or to in {f"{one}.file" for one in temporaries} else name
    return ""


def writes(tree: ast.Module, module: str) -> Iterator[str]:
    """What a module does that only publishers may do."""
    temporaries, memory = names_of_temporaries(tree), in_memory(tree)
    paths = {f"{name}.path" for name in temporaries} if module not in BY_NAME else set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and module != HDF5:
            yield from (base for base in map(ast.unparse, node.bases) if "h5py" in base)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in paths:
            yield ast.unparse(node)
        if isinstance(node, ast.Call) and opens_for_writing(node):
            yield ast.unparse(node)
        if isinstance(node, ast.Call) and called(node, temporaries, memory):
            yield called(node, temporaries, memory)


def test_only_publishers_write():
    found = {}
    for path in sorted(HOME.rglob("*.py")):
        module = path.relative_to(HOME).as_posix()
        if module not in PUBLISHERS:
            found[module] = list(writes(ast.parse(path.read_text()), module))
    assert {module: what for module, what in found.items() if what} == {}


def test_publishers_are_needed():
    """Else their names were wrong, and the test above would pass over anything."""
    for module in PUBLISHERS:
        assert list(writes(ast.parse((HOME / module).read_text()), module))
    assert "super().__init__(temporary.path, 'w'" in ast.unparse(
        ast.parse((HOME / HDF5).read_text())
    )


@pytest.mark.parametrize(
    "line",
    [
        "open(path, 'w')",
        "open(path, mode='ab')",
        "open(path, mode)",
        "path.open('r+b')",
        "os.open(path, os.O_WRONLY)",
        "os.open(path, flags)",
        "os.fdopen(descriptor, 'wb')",
        "zipfile.ZipFile(path, 'w')",
        "path.write_text('x')",
        "path.write_bytes(b'x')",
        "os.replace(a, b)",
        "a.replace(b)",
        "a.rename(b)",
        "path.unlink(missing_ok=True)",
        "os.remove(path)",
        "shutil.rmtree(path)",
        "fcntl.flock(file, fcntl.LOCK_EX)",
        "h5py.File(path, 'w')",
        "h5py.File(path, mode='r+')",
        "image.save(path, format='PNG')",
        "image.save(temporary, format='PNG')",
        "with atomic_output(path) as temporary:\n    open(temporary.path)",
        "class Mine(h5py.File):\n    pass",
        "np.save(path, array)",
    ],
)
def test_writers_are_seen(line: str):
    assert list(writes(ast.parse(line), "module.py"))


@pytest.mark.parametrize(
    "line",
    [
        "open(path)",
        "open(path, 'rb')",
        "text.replace('a', 'b')",
        "replace(options, epochs=1)",
        "when.replace(tzinfo=None)",
        "names.remove('a')",
        "os.open(os.devnull, os.O_WRONLY)",
        "os.open(folder, os.O_RDONLY)",
        "Latents.open('w.h5')",
        "h5py.File(path)",
        "path.mkdir()",
        "with atomic_output(path) as temporary:\n    temporary.write_text('x')",
        "with atomic_output(path) as output:\n    image.save(output.file, format='PNG')",
        "def write(output: Temporary):\n    output.write_bytes(b'x')",
        "content = io.BytesIO()\nimage.save(content, format='PNG')",
    ],
)
def test_others_are_not(line: str):
    assert not list(writes(ast.parse(line), "module.py"))
