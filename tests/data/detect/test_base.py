from __future__ import annotations

from typing import Any

import pytest

from facelage.data.detect import HaarDetector
from facelage.data.detect.base import largest_side


class Detector:
    name = "mine"

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    def detect(self, image: Any) -> list[Any]:
        return []


def test_haar_says_how_small_it_makes_photos() -> None:
    assert largest_side(HaarDetector(max_side=500)) == 500


@pytest.mark.parametrize("attributes", [{}, {"max_side": None}, {"max_side": 0}, {"max_side": "x"}])
def test_other_detectors_get_whole_photos(attributes: dict[str, Any]) -> None:
    assert largest_side(Detector(**attributes)) is None


def test_a_detector_of_ones_own_may_say_it_too() -> None:
    assert largest_side(Detector(max_side=320)) == 320
