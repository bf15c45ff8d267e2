"""The faces that a model gets most wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facelage.data.align import align, fit_crop
from facelage.data.detect.base import Detection
from facelage.data.images import UInt8Image, load_image
from facelage.data.prepared import prepared_crop
from facelage.errors import FacelageError
from facelage.evaluate.plots.style import MINUS, MUTED, new_figure, on_data, predicted_faces, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from facelage.evaluate.run import Evaluation

_COLUMNS = 5


def worst(evaluation: Evaluation, count: int) -> pd.DataFrame:
    """The rows with the largest errors, largest first; equal ones by path."""
    predicted_faces(evaluation)  # there is something to show
    frame: pd.DataFrame = evaluation.predictions.copy()
    frame["error"] = frame["predicted"] - frame["age"]
    frame["_size"] = frame["error"].abs()
    keys = ["_size", "path"] if "path" in frame else ["_size"]
    frame = frame[np.isfinite(frame["_size"])]
    frame = frame.sort_values(keys, ascending=[False, True][: len(keys)], kind="stable")
    return frame.head(count).drop(columns="_size")


@styled
def worst_faces(evaluation: Evaluation, root: str | os.PathLike[str], *, count: int = 20) -> Figure:
    """A contact sheet of the faces with the largest errors, with true and predicted age.

    Parameters
    ----------
    root:
        The folder that the columns ``crop`` and ``path`` are relative to. A
        prepared crop is shown as it is; otherwise the photo is, cut by its box
        and landmarks where the predictions have them. A file that is missing,
        unreadable or outside the folder is a grey tile.
    count:
        Most faces to show.
    """
    rows = worst(evaluation, count)
    lines = -(-len(rows) // _COLUMNS)
    figure = new_figure(
        1.27 * lines + 0.1,
        f"The {len(rows)} largest errors: true → predicted age",
        on_data([evaluation], named=True),
    )
    panels = figure.subplots(lines, _COLUMNS, squeeze=False)
    for panel in panels.flat:
        panel.set_axis_off()
    folder = Path(root).resolve()
    size = _crop_size(folder)
    for panel, (_, row) in zip(panels.flat, rows.iterrows(), strict=False):
        picture = face_picture(row, folder, size)
        if picture is None:
            panel.imshow(np.full((8, 8, 3), 222, np.uint8))
            panel.text(3.5, 3.5, "no picture", ha="center", va="center", size=8, color=MUTED)
        else:
            panel.imshow(picture, interpolation="lanczos")
        panel.set_title(
            f"{row['age']:.0f} → {row['predicted']:.0f} ({row['error']:+.0f})".replace("-", MINUS),
            loc="center",
            pad=3,
            size=8,
        )
    return figure


def face_picture(row: pd.Series[Any], folder: Path, size: int | None) -> UInt8Image | None:
    """The face of one row as a square, RGB, uint8; None if it can't be read.

    Parameters
    ----------
    size:
        Side in pixels of what a model sees of a prepared crop; None if unknown.
    """
    try:
        crop = _inside(folder, row.get("crop"))
        if crop is not None and crop.is_file():
            return _middle(load_image(crop), size)
        path = _inside(folder, row.get("path"))
        if path is None:
            return None
        image = load_image(path)
        box, points = _numbers(row.get("box")), _numbers(row.get("landmarks"))
        if len(box) != 4:
            return fit_crop(image)
        landmarks: Any = tuple(zip(points[::2], points[1::2], strict=False))
        return align(
            image,
            Detection((box[0], box[1], box[2], box[3]), landmarks if len(landmarks) == 5 else None),
        )
    except (FacelageError, OSError):
        return None


def _crop_size(folder: Path) -> int | None:
    try:
        spec = prepared_crop(folder)
    except (FacelageError, OSError):
        return None
    return spec.size if spec else None


def _middle(crop: UInt8Image, size: int | None) -> UInt8Image:
    """What a model sees of a padded crop."""
    height, width = crop.shape[:2]
    if height != width:
        return fit_crop(crop)
    pad = max(0, height - size) // 2 if size else 0
    return crop[pad : height - pad, pad : width - pad]


def _inside(folder: Path, text: object) -> Path | None:
    # A table may come from elsewhere, and a report is passed on: only the folder's own pictures.
    if not isinstance(text, str) or not text or "\0" in text:
        return None
    path = (folder / text).resolve()
    return path if path.is_relative_to(folder) else None


def _numbers(text: object) -> list[float]:
    try:
        return [float(number) for number in str(text).split()] if isinstance(text, str) else []
    except ValueError:
        return []
