"""From photos to ages, with onnxruntime and OpenCV alone."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal, cast

import cv2
import numpy as np

from facelage.data.align import fit_crop
from facelage.data.detect import DetectorLike, FaceDetector, resolve_detector
from facelage.data.detect.base import Detection, largest_side
from facelage.data.images import Color, ImageLike, UInt8Image, check_color, load_image
from facelage.data.photo import FINENESS, cut_faces, open_photo
from facelage.errors import ConfigError, DetectorError, FacelageError, ImageError, WeightsError
from facelage.infer.parallel import batches, ordered_map
from facelage.infer.result import FaceAge, ImageResult
from facelage.infer.session import AgeSession
from facelage.models.weights import get_weights

#: The crops of an image, and its faces (None where the image is the crop).
_Cut = tuple[list[UInt8Image], list[Detection] | None]
#: A face's age in years, and its spread.
_Answer = tuple[float, float]


class AgePredictor:
    """Finds the faces of photos and tells their ages.

    Parameters
    ----------
    session:
        The age model.
    detector:
        As for :func:`facelage.data.detect.resolve_detector`; None for images
        that are face crops already.

    Examples
    --------
    >>> predictor = AgePredictor.from_pretrained()
    >>> [face] = predictor.predict("portrait.jpg")
    >>> round(face.age)
    28
    """

    def __init__(self, session: AgeSession, detector: DetectorLike = "auto") -> None:
        self.session = session
        self.detector: FaceDetector | None = resolve_detector(detector)

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | os.PathLike[str] | None = None,
        *,
        detector: DetectorLike = "auto",
        providers: Sequence[str] | None = None,
        threads: int | None = None,
        flip: bool = False,
    ) -> AgePredictor:
        """A predictor with named weights, or with an ONNX file of your own.

        Parameters
        ----------
        name_or_path:
            A name of :func:`facelage.models.list_models`, an ``.onnx`` file from
            ``facelage export``, or None for the newest weights in the package.
        detector:
            ``"auto"`` (YuNet if at hand or downloadable, else Haar with one
            warning), a name, an object, or None for images that are crops.
        providers, threads, flip:
            As for :class:`facelage.infer.session.AgeSession`.

        Raises
        ------
        WeightsError
            If there is no such model.
        DetectorError
            If the detector can't run here.
        ConfigError
            If a provider is unknown, or `threads` out of range.
        """
        if name_or_path is not None and Path(name_or_path).suffix == ".onnx":
            path = Path(name_or_path)
        elif name_or_path is not None and Path(name_or_path).suffix in (".safetensors", ".pt"):
            raise WeightsError(
                "a checkpoint can't predict without torch",
                got=str(name_or_path),
                expected="an .onnx file",
                fix=f"facelage export {os.fspath(name_or_path)} model.onnx",
            )
        else:
            path = get_weights(name_or_path).path("onnx")
        session = AgeSession(path, providers=providers, threads=threads, flip=flip)
        return cls(session, detector)

    @property
    def model(self) -> str:
        """Name and version of the weights."""
        return self.session.name

    def predict(
        self, image: ImageLike, *, color: Color = "rgb", coverage: float = 0.9
    ) -> list[FaceAge]:
        """The ages of the faces in one image, largest face first.

        Parameters
        ----------
        image:
            Anything that :func:`facelage.data.images.load_image` takes. A large
            JPEG is decoded no finer than its detector and its faces need.
        color:
            Channel order of an array: ``"rgb"``, or ``"bgr"`` from OpenCV.
        coverage:
            Share of true ages that the faces' intervals are to hold, in 0..1.

        Returns
        -------
        list of FaceAge
            Empty if there is no face.

        Raises
        ------
        ImageError
            If the image can't be read.
        ConfigError
            If the coverage is out of range.
        """
        crops, faces = self._cut(image, color)
        return self._face_ages(_answers(self.session, crops), faces, coverage)

    def predict_batch(
        self,
        images: Iterable[ImageLike],
        *,
        batch_size: int | None = None,
        workers: int = 1,
        on_error: Literal["record", "raise"] = "record",
        color: Color = "rgb",
        coverage: float = 0.9,
    ) -> list[ImageResult]:
        """The faces of several images, in their order, one result an image.

        Parameters
        ----------
        images:
            Anything that :meth:`predict` takes, any number.
        batch_size:
            Images whose faces go to the network together (on a CPU in runs of at most
            8 faces); it changes speed and memory, not ages. By
            default 32, and 2 for each of several workers, so that they end together.
        workers:
            Threads, each of which takes `batch_size` images at a time from file to
            age. A core each is a good number. With more than one, OpenCV uses one
            thread a call, in the whole process, and so does the network unless its
            `threads` was given. Neither changes ages.
        on_error:
            ``"record"`` keeps a bad image's error in its result;
            ``"raise"`` raises it.
        color:
            Channel order of arrays.
        coverage:
            As for :meth:`predict`.

        Returns
        -------
        list of ImageResult
            One for each image: its status, its faces (largest first), its error.

        Raises
        ------
        ConfigError
            If an option is unknown or out of range, or `images` is one image.
        InvalidArrayError
            If `color` is no channel order.
        ImageError, DetectorError
            With ``on_error="raise"``, if an image can't be read, or the detector
            fails on it.
        """
        results = self.iter_predict(
            images,
            batch_size=batch_size,
            workers=workers,
            on_error=on_error,
            color=color,
            coverage=coverage,
        )
        return list(results)

    def iter_predict(
        self,
        images: Iterable[ImageLike],
        *,
        batch_size: int | None = None,
        workers: int = 1,
        on_error: Literal["record", "raise"] = "record",
        color: Color = "rgb",
        coverage: float = 0.9,
    ) -> Generator[ImageResult, None, None]:
        """As :meth:`predict_batch`, one result at a time, in flat memory.

        `images` may be a generator: it is asked for the next image in the caller's
        thread, a few images ahead. Closing the iterator ends the threads. It raises
        what :meth:`predict_batch` raises, when the first result is asked for, or with
        ``on_error="raise"`` when it is that image's turn.
        """
        size = (32 if workers == 1 else 2) if batch_size is None else batch_size
        for name, value in (("batch_size", size), ("workers", workers)):
            if value < 1:
                raise ConfigError(f"{name} is out of range", got=str(value), expected="1 or more")
        if on_error not in ("record", "raise"):
            raise ConfigError("unknown on_error", got=repr(on_error), expected="record or raise")
        check_color(color)  # else it would be wrong for every image
        _check_several(images)
        work = partial(
            self._results,
            session=self.session if workers == 1 else self.session.beside_threads(),
            color=color,
            on_error=on_error,
            coverage=coverage,
        )
        with closing(ordered_map(work, batches(images, size), workers)) as parts:
            for results in parts:
                yield from results

    def predict_crops(
        self, crops: Iterable[ImageLike], *, color: Color = "rgb", coverage: float = 0.9
    ) -> list[FaceAge]:
        """The ages of images that are face crops already, one face an image.

        Crops as :func:`facelage.data.align.align` cuts them are used as they
        are; others are scaled to the model's size (see
        :func:`facelage.data.align.fit_crop`) and should be framed like them.
        The files that ``prepare`` writes carry a margin around the crop: cut
        their middle out first.

        Parameters
        ----------
        crops:
            Anything that :meth:`predict` takes, any number.
        color, coverage:
            As for :meth:`predict`.

        Returns
        -------
        list of FaceAge
            One for each crop, in their order, without `box`, `landmarks` and `score`.

        Raises
        ------
        ImageError
            If one can't be read; none is told then.
        ConfigError
            If the coverage is out of range, or `crops` is one image.
        """
        _check_several(crops)
        cut = [self._whole(crop, color) for crop in crops]
        return self._face_ages(_answers(self.session, cut), None, coverage)

    def annotate(
        self, image: ImageLike, faces: Sequence[FaceAge], *, color: Color = "rgb"
    ) -> UInt8Image:
        """A copy of an image (H x W x 3, RGB, uint8) with the faces boxed and their ages."""
        from facelage.infer.annotate import annotate

        return annotate(load_image(image, color=color), faces)

    def _cut(self, image: ImageLike, color: Color) -> _Cut:
        if self.detector is None:
            return [self._whole(image, color)], None
        photo = open_photo(image, color=color)
        view = photo.at_least(largest_side(self.detector))
        found = [view.to_photo(face) for face in self.detector.detect(view.pixels)]
        found.sort(key=lambda face: -face.size)
        return cut_faces(photo, found, self.session.crop), found

    def _whole(self, image: ImageLike, color: Color) -> UInt8Image:
        spec = self.session.crop
        return fit_crop(open_photo(image, color=color).at_least(FINENESS * spec.size).pixels, spec)

    def _cut_or_error(
        self, image: ImageLike, *, color: Color, on_error: str
    ) -> _Cut | FacelageError:
        try:
            return self._cut(image, color)
        except (ImageError, DetectorError, cv2.error) as error:
            if on_error == "raise":
                raise
            return _named(error)

    def _results(
        self,
        images: list[ImageLike],
        *,
        session: AgeSession,
        color: Color,
        on_error: str,
        coverage: float,
    ) -> list[ImageResult]:
        """The results of a few images, whose faces go through the network together."""
        cut = [self._cut_or_error(image, color=color, on_error=on_error) for image in images]
        crops = [crop for item in cut if isinstance(item, tuple) for crop in item[0]]
        answers = iter(_answers(session, crops))
        results = []
        for item in cut:
            if isinstance(item, FacelageError):
                results.append(ImageResult("unreadable", error=item))
                continue
            own = list(islice(answers, len(item[0])))
            people = tuple(self._face_ages(own, item[1], coverage))
            results.append(ImageResult("ok" if people else "no_face", people))
        return results

    def _face_ages(
        self, answers: list[_Answer], faces: list[Detection] | None, coverage: float
    ) -> list[FaceAge]:
        name = self.detector.name if self.detector and faces is not None else "none"
        calibration = self.session.calibration
        intervals: list[tuple[float, float] | None] = [None] * len(answers)
        if calibration is not None:
            ages, spreads = zip(*answers, strict=True) if answers else ((), ())
            ends = calibration.interval(ages, coverage, spreads)
            intervals = [(float(low), float(high)) for low, high in ends]
        found = faces if faces is not None else [None] * len(answers)
        return [
            FaceAge(
                age,
                face.box if face else None,
                face.landmarks if face else None,
                face.score if face else None,
                name,
                self.model,
                interval,
                coverage if interval else None,
                calibration,
                spread,
            )
            for (age, spread), face, interval in zip(answers, found, intervals, strict=True)
        ]


def _answers(session: AgeSession, crops: list[UInt8Image]) -> list[_Answer]:
    # A crowd in one photo must not become one huge run.
    parts = [np.stack(crops[start : start + 64]) for start in range(0, len(crops), 64)]
    return [(age, spread) for part in parts for age, spread in session.answers(part).tolist()]


def _check_several(images: object) -> None:
    """Refuse one image where several are expected: its rows or characters would be the items."""
    one = (str, os.PathLike, bytes, bytearray, memoryview)
    dimensions = getattr(images, "ndim", 4)
    if dimensions == 1:  # a column of paths or pictures is several images, a row of numbers none
        first = next(iter(cast("Iterable[object]", images)), "")
        picture = hasattr(first, "getexif") or bool(getattr(first, "ndim", None))
        several = picture or isinstance(first, one)
        dimensions = 4 if several else 1
    encoded = hasattr(images, "getexif") or hasattr(images, "read")
    if isinstance(images, one) or dimensions < 4 or encoded:
        raise ConfigError(
            "several images are expected",
            got=f"one {type(images).__name__}",
            fix="predict(image) for one, or a list of them",
        )


def _named(error: Exception) -> FacelageError:
    if not isinstance(error, FacelageError):
        return DetectorError("OpenCV failed on this image", got=str(error).strip())
    # A traceback keeps the variables of its functions, and so the bytes of every bad image.
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
