from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tiny
from facelage.errors import WeightsError
from facelage.export import export_onnx
from facelage.infer import AgePredictor
from facelage.infer.intervals import CALIBRATION_KEY, Calibration
from facelage.infer.session import AgeSession
from facelage.infer.spread import MOST, SpreadNeuron

number = st.floats(-1e3, 1e3)
CALIBRATION = Calibration((40.0,), (2.0,), (4.0,), tuple(n / 10 - 5 for n in range(101)))


@given(
    weights=arrays(np.float64, 7, elements=number),
    bias=number,
    features=arrays(np.float64, (3, 7), elements=st.floats(-9, 9)),
)
def test_json_keeps_it(weights: np.ndarray, bias: float, features: np.ndarray) -> None:
    text = SpreadNeuron(weights, bias).to_json()
    neuron = SpreadNeuron.from_json(text)
    assert neuron.to_json() == text
    assert neuron.weights == pytest.approx(weights, rel=1e-4)
    found = neuron(features)
    assert found.shape == (3,)
    assert ((found >= 1 / MOST - 1e-9) & (found <= MOST + 1e-9)).all()


@pytest.mark.parametrize(
    "text",
    ["", "3", "{}", '{"weights": [1, "x"], "bias": 0}', '{"weights": [NaN], "bias": 0}',
     '{"weights": 1, "bias": 0}', '{"weights": [1], "bias": null}'],
)  # fmt: skip
def test_what_is_no_neuron_is_refused(text: str) -> None:
    with pytest.raises(WeightsError, match="spread can't be read"):
        SpreadNeuron.from_json(text)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose spreads differ from face to face."""
    neuron = SpreadNeuron(np.random.default_rng(0).normal(0, 0.1, 1280), -0.1)
    return export_onnx(
        tiny.lively_model(),
        tmp_path_factory.mktemp("sure") / "sure.onnx",
        tiny.CROP,
        metadata={CALIBRATION_KEY: json.loads(CALIBRATION.to_json())},
        spread=neuron,
    )


def test_faces_carry_it_and_their_intervals_are_as_wide(path: Path) -> None:
    predictor, crops = AgePredictor(AgeSession(path), None), tiny.noise_crops(6)
    answers = predictor.session.answers(crops)
    faces = predictor.predict_crops(crops, coverage=0.8)
    batch = [result.faces[0] for result in predictor.predict_batch(list(crops), coverage=0.8)]
    for face, other, (age, spread) in zip(faces, batch, answers, strict=True):
        assert (face.age, face.spread) == (age, spread)
        assert face.interval == pytest.approx(tuple(CALIBRATION.interval(age, 0.8, spread)))
        assert other.spread == pytest.approx(spread, rel=1e-4)
        wanted = CALIBRATION.probability_at_least(age, 38, spread)
        assert face.probability_at_least(38) == pytest.approx(float(wanted))
    assert np.ptp([face.spread for face in faces]) > 0.1


def test_a_model_that_does_not_say_has_spreads_of_one(crop_predictor: AgePredictor) -> None:
    bare = AgePredictor(AgeSession(tiny.lively_onnx()), None)
    assert [face.spread for face in bare.predict_crops(tiny.noise_crops(2))] == [1.0, 1.0]


def test_flip_takes_the_mean_of_both_sides(path: Path) -> None:
    crops = tiny.noise_crops(3)
    one = AgeSession(path).answers(crops)
    other = AgeSession(path).answers(np.ascontiguousarray(crops[:, :, ::-1]))
    both = AgeSession(path, flip=True).answers(crops)
    assert both == pytest.approx((one + other) / 2, abs=1e-4)
    assert both[:, 1].std() > 0


def test_pickles_keep_it(path: Path) -> None:
    session, crops = AgeSession(path), tiny.noise_crops(2)
    copy = pickle.loads(pickle.dumps(session))
    assert np.array_equal(copy.answers(crops), session.answers(crops))
