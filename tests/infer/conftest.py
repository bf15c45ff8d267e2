from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from facelage.data.images import save_image
from facelage.infer import AgePredictor


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """Astronaut Eileen Collins, 512 x 512 RGB, public domain."""
    return np.ascontiguousarray(data.astronaut())


@pytest.fixture(scope="session")
def portrait_file(portrait: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("portrait") / "portrait.png"
    save_image(path, portrait)
    return path


@pytest.fixture(scope="session")
def two_faces(portrait: np.ndarray) -> np.ndarray:
    """The portrait, and beside it the same at two thirds of the size."""
    small = cv2.resize(portrait, (341, 341), interpolation=cv2.INTER_AREA)
    canvas = np.full((512, 853, 3), 90, np.uint8)
    canvas[:, :512] = portrait
    canvas[100:441, 512:] = small
    return canvas


@pytest.fixture(scope="session")
def predictor() -> AgePredictor:
    return AgePredictor.from_pretrained(detector="haar", threads=1)


@pytest.fixture(scope="session")
def crop_predictor() -> AgePredictor:
    return AgePredictor.from_pretrained(detector=None, threads=1)
