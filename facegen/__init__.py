"""Photos go in, a small set of weights comes out, and from then on a face costs a millisecond.

The library has one function per verb of the command line, of the same name, and the types they
take: __init__.pyi lists them. Each is imported when it is first used, so that `import facegen`
costs nothing.
"""

import importlib
import re
from typing import Any

from facegen.version import __version__ as __version__

# lazy_loader would read the stub by ast, which takes 15 ms of a main job of 300.
with open(f"{__file__}i", encoding="utf-8") as _stub:
    _HOMES = {
        name: module
        for module, name in re.findall(r"^from (\S+) import (\S+) as", _stub.read(), re.MULTILINE)
    }
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'facegen' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return __all__
