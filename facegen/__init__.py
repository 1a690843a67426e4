"""Photos go in, a small set of weights comes out, and from then on a face costs a millisecond."""

__version__ = "0.1.0"
