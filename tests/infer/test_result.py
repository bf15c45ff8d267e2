from __future__ import annotations

import dataclasses
import json

import pytest

from facelage.infer import FaceAge, ImageResult

FACE = FaceAge(31.254, (1.0, 2.0, 30.0, 40.0), None, None, "haar", "age_prediction_0.1.0")


def test_a_result_is_frozen_and_slotted() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        FACE.age = 3.0  # type: ignore[misc]
    assert not hasattr(FACE, "__dict__")


def test_to_dict_is_plain_json() -> None:
    points = ((1.0, 2.0), (3.0, 4.0), (5.0, 6.0), (7.0, 8.0), (9.0, 10.0))
    full = dataclasses.replace(FACE, landmarks=points, score=0.98765)
    assert json.loads(json.dumps(full.to_dict())) == {
        "age": 31.25,
        "interval": None,
        "coverage": None,
        "spread": 1.0,
        "box": [1.0, 2.0, 30.0, 40.0],
        "landmarks": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [9.0, 10.0]],
        "score": 0.9877,
        "detector": "haar",
        "model": "age_prediction_0.1.0",
    }
    assert FACE.to_dict()["score"] is None
    assert json.dumps(ImageResult("ok", (FACE,)).to_dict(), allow_nan=False)
