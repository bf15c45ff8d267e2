"""Ages for the rows of a manifest, from every kind of model; failures keep their reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from facelage.data.align import align
from facelage.data.crops import CropStore
from facelage.data.detect import DetectorLike
from facelage.data.images import UInt8Image, load_image
from facelage.data.manifest import Manifest
from facelage.data.prepared import agreed_crop
from facelage.errors import ConfigError, ImageError, InvalidArrayError
from facelage.evaluate.baselines.constant import ConstantModel
from facelage.evaluate.faces import detections, find_faces, photo_paths, read_photos
from facelage.evaluate.models import (
    CropModel,
    FaceModel,
    ImageModel,
    Model,
    OnnxModel,
    Years,
)
from facelage.evaluate.predictions import PredictionsTable
from facelage.infer.predictor import AgePredictor
from facelage.infer.session import AgeSession

#: Photos held in memory at once: 24 megapixels take 72 MB each.
PHOTO_BATCH = 16
Answer = Callable[[list[UInt8Image], NDArray[np.int64]], Years]


def name_of(model: Model) -> str:
    """The model's name for tables."""
    return model.model if isinstance(model, AgePredictor) else model.name


def needs_faces(model: Model, manifest: Manifest, photos: Path | None = None) -> bool:
    """Whether `model` has to be told where the faces are in the manifest's photos."""
    if isinstance(model, (AgePredictor, PredictionsTable)):
        return False
    if isinstance(model, ConstantModel):
        ok = manifest.frame[manifest.frame["status"] == "ok"]
        return bool(((ok["crop"] == "") & (ok["box"] == "")).any())
    if isinstance(model, (AgeSession, CropModel)):
        return not _prepared(model, manifest, photos)
    return isinstance(model, FaceModel)


def predict(
    model: Model,
    manifest: Manifest,
    *,
    nominal: float = 0.9,
    detector: DetectorLike = "auto",
    photos: Path | None = None,
    batch_size: int = 64,
    progress: bool = False,
) -> pd.DataFrame:
    """The manifest's table with ``predicted`` (years; NaN for a failure), status and reason.

    With ``low`` and ``high`` (years) besides, if the model has a ``calibration``.

    Parameters
    ----------
    nominal:
        Share of true ages (0..1) that the intervals of a calibration are to hold.
    detector, photos:
        As for :func:`facelage.evaluate.faces.find_faces`, where faces are needed
        and the manifest has none.

    Raises
    ------
    ConfigError
        If `model` is none of the kinds, or its crop is another than that of the
        prepared faces and the photos are not at hand.
    InvalidArrayError
        If the model does not answer with one number a face.
    """
    if isinstance(model, AgeSession):
        model = OnnxModel(model)
    if isinstance(model, PredictionsTable):
        model.check_not_true(manifest)
        matched = model.match(manifest.frame["path"])
        return manifest.frame.assign(**{str(name): column for name, column in matched.items()})
    if isinstance(model, AgePredictor):
        frame, spreads = _predictor(model, manifest, photos, batch_size, progress)
        calibration = getattr(model.session, "calibration", None)
    elif isinstance(model, (CropModel, FaceModel, ImageModel)):
        if needs_faces(model, manifest, photos):
            manifest = find_faces(manifest, detector, photos=photos, progress=progress)
        frame, spreads = _model(model, manifest, photos, batch_size, progress)
        calibration = getattr(model, "calibration", None)
    else:
        raise ConfigError(
            "not a model that can be evaluated",
            got=type(model).__name__,
            expected="an object with predict_crops, predict_faces or predict_images",
        )
    if calibration is not None:
        ages = frame["predicted"].to_numpy(np.float64)
        # Other people's calibrations may know of no spreads, as their models give none.
        known = np.isfinite(spreads).any()
        more = (np.where(np.isfinite(spreads), spreads, 1.0),) if known else ()
        ends = calibration.interval(ages, nominal, *more)
        frame["low"], frame["high"] = ends[:, 0], ends[:, 1]
    return frame


def _model(
    model: CropModel | FaceModel | ImageModel,
    manifest: Manifest,
    photos: Path | None,
    batch_size: int,
    progress: bool,
) -> tuple[pd.DataFrame, Years]:
    """The table of :func:`predict` without intervals, and the spreads (NaN for none)."""
    frame = manifest.frame.copy()
    answers, silent = np.full((len(frame), 2), np.nan), ("no_age", "the model gave no finite age")
    usable = np.flatnonzero((frame["status"] == "ok").to_numpy())
    if isinstance(model, ConstantModel):  # needs no pixels, and no crop of one size
        answers[usable, 0] = model.age
    elif isinstance(model, CropModel) and _prepared(model, manifest, photos):
        _prepared_crops(model, manifest, frame, answers, batch_size, progress)
    else:
        if isinstance(model, CropModel):
            answer: Answer = partial(_cut_and_predict, model, manifest)
        elif isinstance(model, FaceModel):
            answer = partial(_faces, model, manifest)
        else:
            usable, silent = np.arange(len(frame)), ("no_face", "the model found no face")
            answer = partial(_images, model)
            frame["status"], frame["reason"] = "ok", ""
        paths = photo_paths(manifest, usable, photos)
        _over_photos(paths, usable, frame, answers, answer, progress)
    predicted, spreads = answers.T
    predicted[~np.isfinite(predicted)] = np.nan
    # A model's NaN is a failure like any other, and needs a name among them.
    nothing = np.isnan(predicted) & (frame["status"] == "ok").to_numpy()
    frame.loc[nothing, ["status", "reason"]] = silent
    return frame.assign(predicted=predicted), spreads


def _prepared(model: CropModel | AgeSession, manifest: Manifest, photos: Path | None) -> bool:
    """Whether the manifest has crops for `model`; if not, they are cut from the photos."""
    usable = manifest.frame[manifest.frame["status"] == "ok"]
    if not len(usable):
        return True
    try:
        agreed_crop([manifest.root], model.crop)
    except ConfigError:
        # Another crop: the same faces can be cut again where their photos are.
        [first] = photo_paths(manifest, [int(usable.index[0])], photos)
        if (usable["box"] == "").any() or not first.is_file():
            raise
        return False
    return bool((usable["crop"] != "").all())


def _prepared_crops(
    model: CropModel,
    manifest: Manifest,
    frame: pd.DataFrame,
    answers: Years,
    batch_size: int,
    progress: bool,
) -> None:
    """Fill in `answers` from crops, a batch at a time, and `frame` with what can't be read."""
    usable = np.flatnonzero((manifest.frame["status"] == "ok").to_numpy())
    if not len(usable):
        return
    # The first that can be read tells the size of all.
    errors: list[ImageError] = []
    for path in Manifest(manifest.frame.iloc[usable], manifest.root).locate("crop"):
        try:
            load_image(path)
            break
        except ImageError as error:
            errors.append(error)
    if len(errors) == len(usable):
        raise errors[0]
    for row, problem in zip(usable.tolist(), errors, strict=False):
        frame.loc[row, ["status", "reason"]] = "unreadable", str(problem)
    usable = usable[len(errors) :]
    # Decoded batch by batch: an evaluation sees each crop once.
    store = CropStore(Manifest(manifest.frame.iloc[usable], manifest.root), memory_gb=0.0)
    for start in tqdm(
        range(0, len(usable), batch_size), desc="evaluate", unit="batch", disable=not progress
    ):
        rows = np.arange(start, min(start + batch_size, len(usable)))
        try:
            crops = store.canonical(rows, model.crop)
        except ImageError:
            rows, crops = _readable(store, rows, usable, frame, model)
            if not len(rows):
                continue
        answers[usable[rows]] = _of_crops(model, crops)


def _readable(
    store: CropStore,
    rows: NDArray[np.int64],
    usable: NDArray[np.int64],
    frame: pd.DataFrame,
    model: CropModel,
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Those of the store's rows that can be read, and their crops, one by one."""
    read: dict[int, NDArray[np.uint8]] = {}
    for row in map(int, rows):
        try:
            read[row] = store.canonical([row], model.crop)
        except ImageError as error:
            frame.loc[usable[row], ["status", "reason"]] = "unreadable", str(error)
    crops = np.concatenate(list(read.values())) if read else np.empty(0, np.uint8)
    return np.array(list(read), np.int64), crops


def _over_photos(
    paths: Sequence[Path],
    rows: NDArray[np.int64],
    frame: pd.DataFrame,
    answers: Years,
    answer: Answer,
    progress: bool,
) -> None:
    """Fill in `answers` from photos, a batch at a time, and `frame` with what can't be read."""
    images: list[UInt8Image] = []
    read: list[int] = []
    opened = zip(rows, read_photos(paths), strict=True)
    last = len(rows) - 1
    for index, (row, image) in enumerate(
        tqdm(opened, total=len(rows), desc="evaluate", unit="img", disable=not progress)
    ):
        if isinstance(image, ImageError):
            frame.loc[row, ["status", "reason"]] = "unreadable", str(image)
        else:
            images.append(image)
            read.append(int(row))
        if images and (len(images) == PHOTO_BATCH or index == last):
            answers[read] = answer(images, np.array(read))
            images, read = [], []


def _cut_and_predict(
    model: CropModel, manifest: Manifest, images: list[UInt8Image], rows: NDArray[np.int64]
) -> Years:
    answers, crops, cut = np.full((len(images), 2), np.nan), [], []
    for index, (image, face) in enumerate(zip(images, detections(manifest, rows), strict=True)):
        try:
            crops.append(align(image, face, model.crop))
        except cv2.error:  # no age, as from a model that gives none
            continue
        cut.append(index)
    if crops:
        answers[cut] = _of_crops(model, np.stack(crops))
    return answers


def _of_crops(model: CropModel, crops: NDArray[np.uint8]) -> Years:
    answer = getattr(model, "answers", model.predict_crops)
    return _checked(answer(crops), len(crops), model.name)


def _faces(
    model: FaceModel, manifest: Manifest, images: list[UInt8Image], rows: NDArray[np.int64]
) -> Years:
    faces = detections(manifest, rows)
    return _checked(model.predict_faces(images, faces), len(rows), model.name)


def _images(model: ImageModel, images: list[UInt8Image], rows: NDArray[np.int64]) -> Years:
    return _checked(model.predict_images(images), len(rows), model.name)


def _checked(answers: Years, count: int, name: str) -> Years:
    """A model's answers as N x 2: years, and spreads or NaN."""
    found = np.asarray(answers, np.float64)
    if found.shape == (count, 2):
        return found
    if found.shape != (count,):
        raise InvalidArrayError(
            f"{name} does not answer with one age a face",
            got=f"shape {found.shape}",
            expected=f"({count},), or ({count}, 2) with spreads",
        )
    return np.stack([found, np.full(count, np.nan)], axis=1)


def _predictor(
    predictor: AgePredictor,
    manifest: Manifest,
    photos: Path | None,
    batch_size: int,
    progress: bool,
) -> tuple[pd.DataFrame, Years]:
    frame = manifest.frame.copy()
    paths = photo_paths(manifest, np.arange(len(frame)), photos)
    results = predictor.iter_predict(paths, batch_size=batch_size)
    predicted, spreads, status, reason, found = [], [], [], [], []
    for result in tqdm(
        results, total=len(frame), desc="evaluate", unit="img", disable=not progress
    ):
        predicted.append(result.faces[0].age if result.faces else np.nan)
        spreads.append(result.faces[0].spread if result.faces else np.nan)
        status.append(result.status)
        reason.append(str(result.error) if result.error else "")
        found.append(len(result.faces))
    frame["predicted"], frame["status"], frame["reason"] = predicted, status, reason
    frame["faces_found"] = found
    return frame, np.array(spreads)
