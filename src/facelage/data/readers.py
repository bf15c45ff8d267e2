"""Where ages come from: UTKFace's file names, a CSV file, or folders named by age."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from facelage.data.images import list_images
from facelage.data.manifest import MAX_AGE, Manifest, from_records, read_table
from facelage.errors import ManifestError

GENDERS = ("male", "female")
RACES = ("white", "black", "asian", "indian", "other")

_UTKFACE = re.compile(r"^(?P<age>\d+)_(?P<rest>.*)$")
_FOLDER_AGE = re.compile(r"^(?:age[_-]?)?(\d+(?:\.\d+)?)$", re.IGNORECASE)


def parse_utkface_name(name: str) -> dict[str, Any]:
    """Age, gender and race from a UTKFace file name: ``age_gender_race_date.jpg``.

    The data set holds names with a missing field or a stray space. An age that
    can't be read, or is above 122, gives ``age`` None; a field that can't be
    read gives an empty string. Nothing is guessed from the position of a field
    when one is missing: ``61_1_20170109142408075.jpg`` has an age and a gender
    and no race.
    """
    fields = name.replace(" ", "").split(".")[0].split("_")
    numbers = [int(text) if text.isdecimal() and len(text) <= 4 else None for text in fields]
    age, gender, race = (*numbers, None, None)[:3]
    return {
        "age": float(age) if age is not None and age <= MAX_AGE else None,
        "gender": GENDERS[gender] if gender is not None and gender < len(GENDERS) else "",
        "race": RACES[race] if len(fields) > 3 and race is not None and race < len(RACES) else "",
    }


def read_utkface(folder: str | os.PathLike[str]) -> Manifest:
    """A manifest from a folder of files with UTKFace names."""
    root = Path(folder)
    return from_records(
        (
            {"path": path.relative_to(root).as_posix(), **parse_utkface_name(path.name)}
            for path in list_images(root)
        ),
        root,
    )


def read_age_folders(folder: str | os.PathLike[str]) -> Manifest:
    """A manifest from folders named by age (``34/``, ``age_34/``), at any depth.

    An image that lies in no such folder has no age.
    """
    root = Path(folder)
    records = []
    for path in list_images(root):
        relative = path.relative_to(root)
        records.append({"path": relative.as_posix(), "age": _folder_age(relative)})
    return from_records(records, root)


def _folder_age(path: Path) -> float | None:
    """The age that the nearest folder with one is named by."""
    ages = (m for part in reversed(path.parts[:-1]) if (m := _FOLDER_AGE.match(part)))
    return next((float(match.group(1)) for match in ages), None)


def read_csv(
    path: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    path_column: str = "path",
    age_column: str = "age",
    group_column: str | None = None,
) -> Manifest:
    """A manifest from a CSV (or Parquet) file with one row an image.

    Parameters
    ----------
    root:
        Folder that the paths start from; the file's own by default.
    path_column, age_column, group_column:
        The columns' names. Ages that are not numbers count as missing, so that
        the filters report them. All other columns are kept; one that is called
        ``path``, ``age`` or ``group`` and is not the named one gets ``_unused``
        behind its name.

    Raises
    ------
    ManifestError
        If the file or a named column is missing.
    """
    path = Path(path)
    frame = read_table(path)
    named = {path_column: "path", age_column: "age"}
    if group_column:
        named[group_column] = "group"
    missing = [name for name in named if name not in frame.columns]
    if missing:
        raise ManifestError(
            f"{path.name} has no column {' or '.join(map(repr, missing))}",
            got=", ".join(map(str, frame.columns)),
            fix="name the columns with --path-column and --age-column",
        )
    unused = {name: f"{name}_unused" for old, name in named.items() if old != name}
    frame = frame.rename(columns={**unused, **named})
    import pandas as pd

    if not pd.api.types.is_datetime64_any_dtype(frame["age"]):  # which Manifest refuses by name
        frame["age"] = pd.to_numeric(frame["age"], errors="coerce")
    return Manifest(frame, Path(root) if root is not None else path.parent)


def read_folder(source: str | os.PathLike[str], layout: str = "auto", **columns: Any) -> Manifest:
    """Read `source` as `layout`: ``"utkface"``, ``"folders"``, ``"csv"`` or ``"auto"``.

    ``"auto"`` takes a file for a CSV, a folder whose subfolders are named by
    age for ``"folders"``, and a folder in which most names start with an age
    and an underscore for ``"utkface"``. Where both are so, they have to agree.

    Raises
    ------
    ManifestError
        If the layout is unknown or can't be told.
    """
    source = Path(source)
    if layout == "auto":
        layout = _guess_layout(source)
    if layout == "csv":
        return read_csv(source, **columns)
    if layout == "utkface":
        return read_utkface(source)
    if layout == "folders":
        return read_age_folders(source)
    raise ManifestError(
        "unknown layout", got=repr(layout), expected="auto, utkface, folders or csv"
    )


def _guess_layout(source: Path) -> str:
    if source.suffix.lower() in (".csv", ".parquet"):
        return "csv"
    images = list_images(source)
    by_name = [
        parse_utkface_name(path.name)["age"] if _UTKFACE.match(path.name) else None
        for path in images
    ]
    by_folder = [_folder_age(path.relative_to(source)) for path in images]
    named, in_folders = (sum(age is not None for age in ages) for ages in (by_name, by_folder))
    pairs = list(zip(by_name, by_folder, strict=True))
    # A photo's number, or the day it was taken, may look like an age, and so may a folder's number.
    agreed = all(a == b for a, b in pairs if a is not None and b is not None)
    if named > len(images) / 2 and (agreed or in_folders <= len(images) / 2):
        return "utkface"  # which also says gender and race
    if in_folders > len(images) / 2 and named <= len(images) / 2:
        return "folders"
    raise ManifestError(
        "can't tell where the ages are",
        got=f"{len(images)} images, {named} with UTKFace names, {in_folders} in folders by age",
        fix="pass --layout utkface or folders, or a CSV file with columns path and age",
    )
