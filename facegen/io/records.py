"""JSON objects that may be a stranger's: their values by name, each checked as it is read."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Sequence
from typing import Any

from facegen.errors import InputError

LONGEST_TEXT = 4096  # of a path, in letters
REQUIRED: Any = object()
Key = str | int  # of an object, or of a list


class Record:
    """A JSON object whose values are checked as they are read.

    Every reader takes the name of a value and, where it may be missing, a default. What is not as
    it was asked for is an InputError that names the value.
    """

    def __init__(
        self, values: Any, name: str = "", *, complaint: str = "the provenance is damaged"
    ):
        """name: of the object inside the whole; complaint: what begins an error's message."""
        self.name = name
        self._complaint = complaint
        if not isinstance(values, dict):
            raise InputError(f"{complaint}: its {name} is no JSON object")
        self.values: dict[Key, Any] = values

    def _inner(self, values: Any, name: str) -> Record:
        return Record(values, name, complaint=self._complaint)

    def __contains__(self, name: Key) -> bool:
        return name in self.values

    def _path(self, name: Key) -> str:
        return f"{self.name}.{name}" if self.name else str(name)

    def fail(self, name: Key, expected: str) -> InputError:
        """What to raise if a value is another than expected."""
        if name not in self.values:
            return InputError(f"{self._complaint}: it has no {self._path(name)}")
        found = reprlib.repr(self.values[name])
        return InputError(f"{self._complaint}: its {self._path(name)} is {found}, not {expected}")

    def value(self, name: Key, default: Any = REQUIRED) -> Any:
        """A value of any type."""
        if default is REQUIRED and name not in self.values:
            raise self.fail(name, "")
        return self.values.get(name, default)

    def text(
        self,
        name: Key,
        default: Any = REQUIRED,
        *,
        choices: Sequence[str] = (),
        longest: int = LONGEST_TEXT,
    ) -> Any:
        """A text without NUL, which no file's name has."""
        found = self.value(name, default)
        if name not in self.values:
            return found
        if choices and found not in choices:
            raise self.fail(name, f"one of {', '.join(choices)}")
        if not isinstance(found, str) or len(found) > longest or "\0" in found:
            raise self.fail(name, f"a text of at most {longest} letters")
        return found

    def whole(self, name: Key, least: int, most: int) -> int:
        """A whole number in least..most."""
        found = self.value(name)
        if type(found) is not int or not least <= found <= most:
            raise self.fail(name, f"a whole number in {least}..{most}")
        return found

    def number(self, name: Key, least: float, most: float) -> float:
        """A finite number in least..most; a whole one stays one."""
        found = self.value(name)
        if type(found) not in (int, float) or not least <= found <= most:
            raise self.fail(name, f"a number in {least:g}..{most:g}")
        return found

    def numbers(self, name: Key, count: int, least: float, most: float) -> tuple[float, ...]:
        """A list of so many finite numbers."""
        found = self.items(name, count)
        own = self._inner(dict(enumerate(found)), self._path(name))
        if len(found) != count:
            raise self.fail(name, f"a list of {count} numbers")
        return tuple(own.number(i, least, most) for i in range(count))

    def flag(self, name: Key) -> bool:
        """True or false."""
        found = self.value(name)
        if type(found) is not bool:
            raise self.fail(name, "true or false")
        return found

    def items(self, name: Key, most: int) -> list[Any]:
        """A list of at most so many values of any type."""
        found = self.value(name)
        if not isinstance(found, list) or len(found) > most:
            raise self.fail(name, f"a list of at most {most} values")
        return found

    def texts(self, name: Key, most: int) -> list[str]:
        """A list of at most so many texts."""
        found = self.items(name, most)
        own = self._inner(dict(enumerate(found)), self._path(name))
        return [own.text(i) for i in range(len(found))]

    def record(self, name: Key) -> Record:
        """An object."""
        return self._inner(self.value(name), self._path(name))

    def records(self, name: Key, most: int) -> Iterator[Record]:
        """Yields the objects of a list of at most so many."""
        for number, item in enumerate(self.items(name, most), 1):
            yield self._inner(item, f"{self._path(name)} {number}")

    def amounts(self, name: Key, count: int, most: float) -> dict[str, float]:
        """An object of at most so many names with numbers in -most..most."""
        own = self.record(name)
        if not 1 <= len(own.values) <= count:
            raise self.fail(name, f"1 to {count} names with numbers")
        return {str(key): own.number(key, -most, most) for key in own.values}
