"""Photos go in, a small set of weights comes out, and from then on a face costs a millisecond.

The library has one function per verb of the command line, of the same name, and the types they
take: __init__.pyi lists them. Each is imported when it is first used, so that `import facegen`
costs nothing.
"""

import lazy_loader

from facegen.version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
