from __future__ import annotations

import numpy as np
import pytest

from facelage.infer import FaceAge
from facelage.infer.annotate import annotate


def face(box: tuple[float, float, float, float] | None) -> FaceAge:
    return FaceAge(31.4, box, None, None, "haar", "m")


@pytest.mark.parametrize(
    "box",
    [
        (100.0, 100.0, 200.0, 220.0),
        (-50.0, -50.0, 60.0, 60.0),  # reaches beyond the top left corner
        (280.0, 150.0, 400.0, 300.0),  # and the bottom right one
        None,
    ],
)
def test_a_label_is_drawn_and_the_image_is_left_alone(
    box: tuple[float, float, float, float] | None,
) -> None:
    image = np.full((240, 320, 3), 200, np.uint8)
    drawn = annotate(image, [face(box)])
    assert (image == 200).all()
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    # Light digits on a blue label: both colours appear.
    assert (drawn > 230).all(axis=2).any()
    assert (drawn == (0, 114, 178)).all(axis=2).any()


def test_tiny_and_large_images_are_drawn_on() -> None:
    for shape in ((1, 1, 3), (8, 2000, 3), (3000, 2000, 3)):
        image = np.zeros(shape, np.uint8)
        assert annotate(image, [face((0.0, 0.0, 10.0, 10.0))]).shape == shape


def test_no_faces_change_nothing() -> None:
    image = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    assert (annotate(image, []) == image).all()
