"""What a prepared folder says about itself: the crop that its faces were cut with."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from facelage.data.align import CropSpec
from facelage.errors import ConfigError


def prepared_crop(path: str | os.PathLike[str]) -> CropSpec | None:
    """The crop that a prepared folder (or a manifest in it) was cut with.

    None where ``prepare.json`` is missing, as for crops of another origin.

    Raises
    ------
    ConfigError
        If ``prepare.json`` can't be read.
    """
    path = Path(path)
    settings = (path if path.is_dir() else path.parent) / "prepare.json"
    if not settings.is_file():
        return None
    try:
        crop = json.loads(settings.read_text(encoding="utf-8"))["config"]["crop"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            "the settings of the prepared folder can't be read",
            got=f"{settings}: {error}",
            fix="prepare the images again",
        ) from error
    return CropSpec.from_json(json.dumps(crop))


def agreed_crop(folders: Iterable[Path], crop: CropSpec | None = None) -> CropSpec:
    """The one crop that all prepared `folders` were cut with, which is `crop` if given.

    Folders that do not say agree with any; if none says, it is the default crop.

    Raises
    ------
    ConfigError
        If they differ: a model and its crop can't be separated.
    """
    crops = {str(folder): prepared_crop(folder) for folder in folders}
    known = {folder: found for folder, found in crops.items() if found is not None}
    wanted = crop or next(iter(known.values()), CropSpec())
    if any(found.digest() != wanted.digest() for found in known.values()):
        raise ConfigError(
            "the faces were prepared with another crop",
            got=", ".join(f"{name}: {c.size} px, {c.digest()[:8]}" for name, c in known.items()),
            expected=f"{wanted.size} px, {wanted.digest()[:8]}",
            fix=f"prepare them with --size {wanted.size} and this version of facelage",
        )
    return wanted
