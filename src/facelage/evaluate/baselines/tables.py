"""Reading TOML strictly: every key known, every value of its kind, errors that say where."""

from __future__ import annotations

import math
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from facelage.errors import ConfigError, MissingDependencyError


def read_toml(path: Path) -> Table:
    """A TOML file as a :class:`Table`.

    Raises
    ------
    ConfigError
        If the file is missing or not TOML.
    MissingDependencyError
        On Python 3.10, where TOML needs the package ``tomli``.
    """
    try:
        # tomllib came with Python 3.11; tomli is the same package for 3.10.
        toml: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    except ImportError as error:
        raise MissingDependencyError(
            "TOML can't be read", got="no package 'tomli'", fix="pip install tomli"
        ) from error
    try:
        return Table(toml.loads(path.read_text(encoding="utf-8")), path.name)
    except OSError as error:
        raise ConfigError("the spec can't be read", got=f"{path}: {error.strerror}") from error
    except ValueError as error:  # TOML's own errors, and bytes that are not UTF-8
        raise ConfigError("the spec is not TOML", got=f"{path}: {error}") from error


class Table:
    """A TOML table that is taken apart key by key; :meth:`done` refuses what is left.

    Parameters
    ----------
    values:
        The table.
    where:
        Its place, for error messages.
    """

    def __init__(self, values: object, where: str) -> None:
        self.where = where
        if not isinstance(values, dict):
            raise self.error("this must be a table", got=repr(values), expected="{ key = value }")
        self._left: dict[str, Any] = dict(values)
        self._known: list[str] = []

    def error(self, problem: str, *, got: str, expected: str = "") -> ConfigError:
        """A :class:`ConfigError` that names the place."""
        return ConfigError(f"{self.where}: {problem}", got=got, expected=expected)

    def take(self, key: str, default: object = None) -> Any:
        """A value as it is, or `default`."""
        self._known.append(key)
        return self._left.pop(key, default)

    def text(self, key: str, default: str | None = None, *, among: tuple[str, ...] = ()) -> str:
        """A string, one of `among` if given; required without a default."""
        value = self.take(key, default)
        if not isinstance(value, str) or (among and value not in among):
            raise self._wrong(key, value, ", ".join(among) if among else "a string")
        return value

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """An integer from `low` to `high`; required without a default."""
        value = self.take(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self._wrong(key, value, f"a whole number from {low} to {high}")
        return value

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        value = self.take(key, default)
        if not _is_number(value) or not low <= value <= high:
            raise self._wrong(key, value, f"a number from {low:g} to {high:g}")
        return float(value)

    def numbers(self, key: str, count: int, default: tuple[float, ...]) -> tuple[float, ...]:
        """`count` numbers; one number stands for all of them."""
        value = self.take(key, list(default))
        if _is_number(value):
            value = [value] * count
        if not isinstance(value, list) or len(value) != count or not all(map(_is_number, value)):
            raise self._wrong(key, value, f"a list of {count} numbers")
        return tuple(map(float, value))

    def flag(self, key: str) -> bool:
        """A boolean, false by default."""
        value = self.take(key, False)
        if not isinstance(value, bool):
            raise self._wrong(key, value, "true or false")
        return value

    def texts(self) -> dict[str, str]:
        """All keys that are left, as strings."""
        return {key: self.text(key) for key in list(self._left)}

    def done(self) -> None:
        """Refuse keys that nobody took."""
        if self._left:
            raise self.error(
                "unknown keys", got=", ".join(self._left), expected=", ".join(self._known)
            )

    def _wrong(self, key: str, value: object, expected: str) -> ConfigError:
        got = "nothing" if value is None else repr(value)
        return self.error(f"{key} is wrong", got=got, expected=expected)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
