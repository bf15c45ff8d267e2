"""The table that every step reads and writes: one row an image, nothing ever dropped.

A manifest is a CSV or Parquet file that anyone can open. Its paths are
relative to the folder `root`, which by default is the file's own folder.
"""

from __future__ import annotations

import csv
import math
import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from facelage.errors import ManifestError
from facelage.files import write_atomically, write_text

#: Columns in the order they are written; any others are kept behind them.
COLUMNS = (
    "path",  # of the original image, relative to the root
    "age",  # years; empty if unknown
    "group",  # subject, or cluster of near-duplicates: never across two splits
    "split",  # train, val, test, or empty
    "status",  # ok, or why the image is not used (facelage.data.filters.Status)
    "reason",  # the status in words, with figures
    "crop",  # the aligned crop, relative to the root; empty before `prepare`
    "box",  # left top right bottom, pixels of the original
    "landmarks",  # x y of eye, eye, nose, mouth, mouth, pixels of the original
    "detector",
    "sha256",  # of the original file
    "phash",  # perceptual hash of the crop, 64 hexadecimal digits
)
_TEXT = tuple(name for name in COLUMNS if name != "age")
SPLITS = ("train", "val", "test")
MAX_AGE = 122.0  # the oldest age ever verified, rounded down


@dataclass(slots=True)
class Manifest:
    """A table of images and the folder its paths start from.

    Attributes
    ----------
    frame:
        One row an image, with at least the columns of :data:`COLUMNS`.
    root:
        The folder that ``path`` and ``crop`` are relative to.
    """

    frame: pd.DataFrame
    root: Path

    def __post_init__(self) -> None:
        self.root = Path(self.root)
        self.frame = _normal(self.frame)

    def __len__(self) -> int:
        return len(self.frame)

    def usable(self, split: str | None = None) -> Manifest:
        """The rows whose status is ok, and of `split` if given."""
        chosen = self.frame["status"] == "ok"
        if split is not None:
            if split not in SPLITS:
                raise ManifestError("unknown split", got=repr(split), expected=", ".join(SPLITS))
            chosen &= self.frame["split"] == split
        return Manifest(self.frame[chosen].reset_index(drop=True), self.root)

    def ages(self) -> NDArray[np.float64]:
        """The ages in years, float64, NaN where unknown."""
        return self.frame["age"].to_numpy(np.float64)

    def locate(self, column: str = "path") -> list[Path]:
        """Absolute paths of a column's files.

        A file in the root folder may be a link to one elsewhere.

        Raises
        ------
        ManifestError
            If a path is empty, or leaves the root folder.
        """
        root = self.root.resolve()
        located = []
        for row, text in enumerate(self.frame[column]):
            if not text:
                raise ManifestError(
                    f"row {row + 1} has no {column}",
                    got="an empty cell",
                    fix="run `facelage prepare`" if column == "crop" else "name the file",
                )
            path = Path(os.path.normpath(root / text))  # links are the user's own, ".." is not
            # An absolute path may spell the root in another way.
            if not path.is_relative_to(root) and not path.resolve().is_relative_to(root):
                raise ManifestError(
                    f"row {row + 1} points outside the manifest's folder",
                    got=text,
                    expected=f"a path below {root}",
                    fix="move the file, or pass root= (--root) with the folder above it",
                )
            located.append(path)
        return located

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write as CSV or Parquet, by the suffix, atomically."""
        path = Path(path)
        if path.suffix.lower() == ".parquet":
            write_atomically(path, lambda temporary: self.frame.to_parquet(temporary, index=False))
        elif path.suffix.lower() == ".csv":
            text = self.frame.to_csv(index=False, lineterminator="\n")
            if "\r" in text:  # a line end to every reader, yet pandas leaves it unquoted
                text = self.frame.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_ALL)
            write_text(path, text)
        else:
            raise _suffix_error(path)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None
    ) -> Manifest:
        """Read a manifest; `path` may be the folder that holds ``manifest.csv``.

        Raises
        ------
        ManifestError
            If the file is missing or unreadable, has no ``path`` column, or holds
            impossible values.
        """
        path = Path(path)
        if path.is_dir():
            candidates = [path / "manifest.csv", path / "manifest.parquet"]
            found = [candidate for candidate in candidates if candidate.is_file()]
            if not found:
                raise ManifestError(
                    "the folder holds no manifest",
                    got=str(path),
                    expected="manifest.csv or manifest.parquet in it",
                    fix="run `facelage prepare` on the images first",
                )
            path = found[0]
        return cls(read_table(path), Path(root) if root is not None else path.parent)


def read_table(path: Path) -> pd.DataFrame:
    """A CSV (all text, so that ids keep their zeros) or Parquet file as a data frame."""
    if not path.is_file():
        raise ManifestError("no such manifest", got=str(path), fix="check the path")
    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path)
        if path.suffix.lower() == ".csv":
            return _read_csv(path)
    except ManifestError:
        raise
    except Exception as error:  # pandas, pyarrow and the codecs each have their own
        raise ManifestError(
            "the manifest can't be read", got=f"{path}: {error}", expected="CSV or Parquet"
        ) from error
    raise _suffix_error(path)


def concat(manifests: Sequence[Manifest]) -> Manifest:
    """One manifest out of several, with the nearest folder above them all as its root."""
    if not manifests:
        raise ManifestError("nothing to join", got="no manifest", expected="at least one")
    if len(manifests) == 1:
        return manifests[0]
    roots = [manifest.root.resolve() for manifest in manifests]
    common = Path(os.path.commonpath(roots))
    frames = []
    for manifest, root in zip(manifests, roots, strict=True):
        frame = manifest.frame.copy()
        prefix = root.relative_to(common).as_posix()
        for column in ("path", "crop"):
            frame[column] = [
                f"{prefix}/{text}" if text and prefix != "." else text for text in frame[column]
            ]
        # Subjects of two data sets are different people even where their names agree.
        frame["group"] = [f"{prefix}:{text}" if text else "" for text in frame["group"]]
        if "source" not in frame:
            frame["source"] = prefix
        frames.append(frame)
    return Manifest(pd.concat(frames, ignore_index=True), common)


def from_records(records: Iterable[dict[str, Any]], root: str | os.PathLike[str]) -> Manifest:
    """A manifest from dictionaries with some of the columns.

    Raises
    ------
    ManifestError
        If a file's name is not valid UTF-8.
    """
    rows = list(records)
    for row in rows:
        try:
            str(row.get("path", "")).encode()
        except UnicodeEncodeError as error:
            raise ManifestError(
                "a file name is not valid UTF-8, so no table can hold it",
                got=ascii(row["path"]),
                fix="rename the file",
            ) from error
    return Manifest(pd.DataFrame(rows), Path(root))


def format_numbers(numbers: Iterable[float]) -> str:
    """Numbers as the ``box`` and ``landmarks`` columns hold them."""
    return " ".join(f"{number:.2f}" for number in numbers)


def _normal(frame: pd.DataFrame) -> pd.DataFrame:
    """All standard columns, in order, text as text, age as float; values checked."""
    if "path" not in frame.columns and len(frame.columns):
        raise ManifestError(
            "the manifest has no column 'path'",
            got=", ".join(map(str, frame.columns)),
            fix="rename the column, or name it with --path-column",
        )
    frame = frame.copy()
    if "age" not in frame:
        frame["age"] = math.nan
    raw = frame["age"]
    if pd.api.types.is_datetime64_any_dtype(raw):
        raise ManifestError(
            "the ages are dates", got=", ".join(map(str, raw[:1])), expected="years"
        )
    ages = pd.to_numeric(raw, errors="coerce").astype("float64")
    unreadable = ages.isna() & raw.notna() & (raw.astype(str).str.strip() != "")
    if unreadable.any():
        row = int(np.flatnonzero(unreadable.to_numpy())[0])
        raise ManifestError(
            f"row {row + 1} has an age that is not a number",
            got=repr(raw.iloc[row]),
            expected="years, or an empty cell",
        )
    frame["age"] = ages
    for name in _TEXT:
        if name not in frame:
            frame[name] = "ok" if name == "status" else ""
        column = frame[name].astype(object)  # nullable and categorical ones can't hold ""
        frame[name] = column.where(column.notna(), "").astype(str).astype(object)
    frame.loc[frame["status"] == "", "status"] = "ok"
    if not frame["split"].isin(["", *SPLITS]).all():
        odd = sorted(set(frame["split"]) - {"", *SPLITS})
        raise ManifestError(
            "unknown split", got=", ".join(odd), expected=", ".join(SPLITS) + " or empty"
        )
    extras = [name for name in frame.columns if name not in COLUMNS]
    return frame[[*COLUMNS, *extras]].reset_index(drop=True)


def number_column(frame: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """A column of predictions as float64, NaN for empty cells.

    Raises
    ------
    ManifestError
        If a cell is no number.
    """
    raw = frame[column]
    numbers = pd.to_numeric(raw, errors="coerce").astype("float64")
    written = raw.astype(str).str.strip().str.lower()
    odd = numbers.isna() & raw.notna() & ~written.isin(["", "nan", "none", "na", "null"])
    if odd.any():
        row = int(np.flatnonzero(odd.to_numpy())[0])
        raise ManifestError(
            f"row {row + 1} of the predictions has a {column} that is not a number",
            got=repr(raw.iloc[row]),
            expected="years, or an empty cell",
        )
    return np.asarray(numbers, np.float64)


def _read_csv(path: Path) -> pd.DataFrame:
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    if isinstance(frame.index, pd.RangeIndex):
        return frame
    # Rows with more cells than the heading: pandas took their first ones for an index.
    if (frame.iloc[:, -frame.index.nlevels :] != "").any(axis=None):
        raise ManifestError(
            "rows have more cells than the heading",
            got=str(path),
            expected="a name for each column",
            fix="name the first column, too, if it numbers the rows, or leave it out",
        )
    with warnings.catch_warnings():  # of the empty cells at the rows' ends
        warnings.simplefilter("ignore", pd.errors.ParserWarning)
        return pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False)


def _suffix_error(path: Path) -> ManifestError:
    return ManifestError(
        "unknown manifest format", got=path.name, expected="a name ending in .csv or .parquet"
    )
