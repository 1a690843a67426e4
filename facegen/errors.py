"""The errors facegen raises on purpose.

The message of a FacegenError is shown to the user as it stands: one line that says what was
wrong, where, and what to do about it. Everything else that escapes is a bug.
"""


class FacegenError(Exception):
    """facegen cannot do what was asked; the message tells the user why and what to do."""


class InputError(FacegenError, ValueError):
    """A value, an option or the content of a file is not what is needed."""


class MissingFileError(FacegenError, FileNotFoundError):
    """A file or folder that was named does not exist."""


class OutputError(FacegenError, OSError):
    """A result cannot be written: it exists already, or there is no room or no permission."""


class TrainingError(FacegenError, ArithmeticError):
    """Training left the finite numbers; the last good epoch is kept."""
