"""The faces that models are measured on: found once, so that all models get the same."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from facelage.data.align import whole_image
from facelage.data.detect import Detection, DetectorLike, resolve_detector
from facelage.data.images import UInt8Image, load_image
from facelage.data.manifest import Manifest
from facelage.errors import DetectorError, ImageError, ManifestError
from facelage.evaluate.chips import locate_photos, read_detection

Rows = Sequence[int] | NDArray[np.int64]
#: Statuses of images that no evaluation counts: another image of the data is the same,
#: or their true age is not known. All others but ok say that a model has no face to
#: judge, and are failures.
DROPPED = ("exact_duplicate", "near_duplicate", "no_label", "bad_label")


def choose_rows(manifest: Manifest, split: str | None = None) -> tuple[Manifest, dict[str, int]]:
    """The rows of a prepared folder to measure on, and what is left out, by status.

    Rows that `prepare` rejected belong to no split, and are counted with each.
    Without `split` those that have no face to judge (``no_face``, ``unreadable``,
    ``several_faces``, ``small_face``, ``blurred``) are among the rows, where they
    count as failures; duplicates, and images without a possible age, never are.

    Parameters
    ----------
    split:
        ``train``, ``val`` or ``test``, or ``trainval`` for the first two, which
        cross-validation predicts; all rows by default.

    Returns
    -------
    tuple
        The rows, and the number of rejected rows that are not among them by status:
        the parameters `manifest` and `rejected` of :func:`facelage.evaluate.evaluate`.

    Raises
    ------
    ManifestError
        If there is no such row.
    """
    frame = manifest.frame
    names = ["train", "val"] if split == "trainval" else [split]
    there = pd.Series(True, frame.index) if split is None else frame["split"].isin(names)
    chosen = there & ~frame["status"].isin(DROPPED)
    if not chosen.any():
        counts = Counter(frame["status"] if split is None else frame["split"])
        raise ManifestError(
            "no row to measure" if split is None else f"no row in split {split!r}",
            got=", ".join(f"{n} {name or 'without a split'}" for name, n in counts.items())
            or "0 rows",
            fix="" if split is None else "--split all",
        )
    rejected = ~chosen & (frame["status"] != "ok") & (there | (frame["split"] == ""))
    return (
        Manifest(frame[chosen], manifest.root),
        {str(k): int(v) for k, v in frame.loc[rejected, "status"].value_counts().items()},
    )


def find_faces(
    manifest: Manifest,
    detector: DetectorLike = "auto",
    *,
    photos: Path | None = None,
    progress: bool = False,
) -> Manifest:
    """The manifest with a ``box`` (and ``landmarks``) for every usable photo.

    Rows that have a box keep it. In the others the largest face counts, as it
    does for :class:`facelage.infer.AgePredictor`; a photo without a face gets
    the status ``no_face``, one that can't be read ``unreadable``.

    Parameters
    ----------
    detector:
        As for :func:`facelage.data.detect.resolve_detector`; None for photos
        that are face crops already, as rows whose ``detector`` is ``none`` are.
    photos:
        As for :func:`photo_paths`.
    """
    frame = manifest.frame.copy()
    rows = np.flatnonzero(((frame["status"] == "ok") & (frame["box"] == "")).to_numpy())
    if not len(rows):
        return manifest
    finder = None
    if (frame["detector"].iloc[rows] != "none").any():
        finder = resolve_detector(detector)
    for row, image in tqdm(
        zip(rows, read_photos(photo_paths(manifest, rows, photos)), strict=True),
        total=len(rows),
        desc="find faces",
        unit="img",
        disable=not progress,
    ):
        if isinstance(image, ImageError):
            frame.loc[row, ["status", "reason"]] = "unreadable", str(image)
            continue
        is_crop = finder is None or frame.loc[row, "detector"] == "none"
        try:
            faces = [whole_image(image)] if is_crop else finder.detect(image)  # type: ignore[union-attr]  # is_crop without one
        except (DetectorError, cv2.error) as error:
            frame.loc[row, ["status", "reason"]] = "unreadable", str(error).strip()
            continue
        if not faces:
            frame.loc[row, ["status", "reason"]] = "no_face", "no face found"
            continue
        face = max(faces, key=lambda face: face.size)
        # Every digit: a hundredth of a pixel off is another crop than the predictor's.
        frame.loc[row, "box"] = " ".join(map(repr, map(float, face.box)))
        if face.landmarks is not None:
            points = np.asarray(face.landmarks, np.float64).ravel()
            frame.loc[row, "landmarks"] = " ".join(map(repr, points.tolist()))
        frame.loc[row, "detector"] = "none" if is_crop else finder.name  # type: ignore[union-attr]
    return Manifest(frame, manifest.root)


def detections(manifest: Manifest, rows: Rows) -> list[Detection]:
    """The faces of these rows, from the columns ``box`` and ``landmarks``.

    Raises
    ------
    ManifestError
        If a row's cells do not hold a face.
    """
    found = []
    for path, box, landmarks in manifest.frame.loc[
        list(rows), ["path", "box", "landmarks"]
    ].itertuples(index=False):
        try:
            found.append(read_detection(box, landmarks))
        except DetectorError as error:
            raise ManifestError(
                f"the face of {path} can't be read from the table",
                got=error.got,
                expected=error.expected,
            ) from error
    return found


def photo_paths(manifest: Manifest, rows: Rows, photos: Path | None = None) -> list[Path]:
    """Where the original photos of these rows are.

    Parameters
    ----------
    photos:
        Folder that the column ``path`` starts from; by default as
        :func:`facelage.evaluate.chips.locate_photos` says.

    Raises
    ------
    ManifestError
        If a path is empty or leaves its folder.
    """
    frame = manifest.frame.iloc[list(rows)]
    if photos is not None:
        return Manifest(frame, photos).locate("path")
    return locate_photos(Manifest(frame, manifest.root))


def read_photos(paths: Sequence[Path]) -> Iterator[UInt8Image | ImageError]:
    """Each photo (H x W x 3, RGB, uint8) or what is wrong with it, a few at a time."""
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(paths), 2 * workers):
            yield from pool.map(_read, paths[start : start + 2 * workers])


def _read(path: Path) -> UInt8Image | ImageError:
    try:
        return load_image(path)
    except ImageError as error:
        return error
