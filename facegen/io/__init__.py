"""Formats on disk, and the ways to write them: each has one reader and one writer."""
