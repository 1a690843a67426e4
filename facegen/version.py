"""facegen's version, alone: whatever records it needs nothing else of the package."""

__version__ = "0.2.0.dev0"
