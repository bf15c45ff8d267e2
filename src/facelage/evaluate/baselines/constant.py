"""One age for everybody: what an error figure has to beat."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from facelage.data.detect.base import Detection
from facelage.data.images import UInt8Image
from facelage.data.manifest import MAX_AGE, Manifest
from facelage.errors import ConfigError, ManifestError
from facelage.evaluate.baselines.cropping import check_lengths


class ConstantModel:
    """The same age whatever the face.

    The mean of the training ages has the least MSE of all constants, their
    median the least MAE, on data with the same ages.

    Parameters
    ----------
    age:
        Years.
    name:
        Name for tables; ``"constant:AGE"`` by default.

    Raises
    ------
    ConfigError
        If `age` is not a number of years that people reach.
    """

    def __init__(self, age: float, name: str = "") -> None:
        if not (math.isfinite(age) and 0 <= age <= MAX_AGE):
            raise ConfigError(
                "a constant age is out of range", got=str(age), expected=f"0 to {MAX_AGE:g} years"
            )
        self.age = float(age)
        self.name = name or f"constant:{self.age:g}"

    def __repr__(self) -> str:
        return f"ConstantModel({self.age!r}, {self.name!r})"

    @classmethod
    def named(cls, text: str) -> ConstantModel:
        """A constant by its name, like ``"constant-mean:33.1"``.

        Raises
        ------
        ConfigError
            If the name holds no age, or an impossible one.
        """
        try:
            age = float(text.partition(":")[2])
        except ValueError as error:
            known = {"constant-mean": ", --training-mean 33.1", "constant-median": ""}
            more = f"{known[text]} or --training-data FOLDER" if text in known else ""
            raise ConfigError(
                "the constant's name holds no age",
                got=repr(text),
                expected="constant-mean:33.1",
                fix=f"say {text.partition(':')[0]}:33.1{more}",
            ) from error
        return cls(age, text)

    @classmethod
    def training_mean(cls, manifest: Manifest) -> ConstantModel:
        """The mean age of the usable faces in the manifest's train split.

        Raises
        ------
        ManifestError
            If none of them has an age.
        """
        return cls._of_training(manifest, "mean", np.mean)

    @classmethod
    def training_median(cls, manifest: Manifest) -> ConstantModel:
        """The median age of the usable faces in the manifest's train split.

        Raises
        ------
        ManifestError
            If none of them has an age.
        """
        return cls._of_training(manifest, "median", np.median)

    @classmethod
    def _of_training(
        cls,
        manifest: Manifest,
        name: str,
        middle: Callable[[NDArray[np.float64]], np.floating],
    ) -> ConstantModel:
        ages = manifest.usable("train").ages()
        ages = ages[~np.isnan(ages)]
        if not len(ages):
            raise ManifestError(
                "the train split has no ages to take a constant from",
                got="0 usable faces with an age",
                expected="rows with split train, status ok and an age",
            )
        age = float(middle(ages))
        return cls(age, f"constant-{name}:{age:.4g}")

    def predict_crops(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        """The constant, once for each of N crops of any size (years, float64)."""
        return np.full(len(crops), self.age)

    def predict_faces(
        self, images: Sequence[UInt8Image], faces: Sequence[Detection | None]
    ) -> NDArray[np.float64]:
        """The constant, once for each face (years, float64); NaN where there is none.

        Raises
        ------
        InvalidArrayError
            If there are not as many faces as images.
        """
        check_lengths(images, faces)
        return np.array([np.nan if face is None else self.age for face in faces], np.float64)

    def predict_images(self, images: Sequence[UInt8Image]) -> NDArray[np.float64]:
        """The constant, once for each photo (years, float64)."""
        return np.full(len(images), self.age)
