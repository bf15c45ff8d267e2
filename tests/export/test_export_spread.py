from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

import tiny
from facelage.export import export_fp16, export_int8, export_onnx, export_self_contained
from facelage.export.parity import torch_answers
from facelage.export.spread import fit_spread
from facelage.infer.intervals import Calibration
from facelage.infer.session import AgeSession
from facelage.infer.spread import MOST, SpreadNeuron


def people(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Features, true and predicted ages, and the errors' scale, of which the features tell."""
    rng = np.random.default_rng(seed)
    features = rng.normal(3, 2, (n, 30)).astype(np.float32)
    scale = np.exp(0.4 * (features[:, 0] - 3) / 2 + 0.4 * (features[:, 1] - 3) / 2)
    predicted = rng.uniform(20, 60, n)
    return features, predicted + rng.normal(0, 5, n) * scale, predicted, scale


def test_it_tells_who_is_far_off() -> None:
    neuron, apart = fit_spread(*people(3000, 0)[:3])
    features, _, _, scale = people(3000, 1)
    found = neuron(features)
    assert spearmanr(found, scale)[0] > 0.95
    assert np.median(found) == pytest.approx(1, abs=0.1)
    assert 1 / MOST - 1e-9 <= found.min() < 0.8
    assert 1.25 < found.max() <= MOST + 1e-9
    assert spearmanr(apart, people(3000, 0)[3])[0] > 0.95


def test_intervals_with_it_are_narrower_and_hold_as_many() -> None:
    neuron, apart = fit_spread(*people(3000, 0)[:3])
    calibrations = {
        False: Calibration.fit(*people(3000, 0)[1:3]),
        True: Calibration.fit(*people(3000, 0)[1:3], apart),
    }
    features, true, predicted, scale = people(20_000, 1)
    width, hard = {}, {}
    for known, calibration in calibrations.items():
        spread = neuron(features) if known else 1.0
        low, high = calibration.interval(predicted, 0.9, spread).T
        inside = (low <= true) & (true <= high)
        assert inside.mean() == pytest.approx(0.9, abs=0.02)
        width[known], hard[known] = np.median(high - low), inside[scale > 1.8].mean()
    assert width[True] < 0.9 * width[False]
    assert hard[True] > hard[False] + 0.1


def test_what_tells_nothing_gives_spreads_of_about_one() -> None:
    features, true, predicted, _ = people(120, 0)
    noise = np.random.default_rng(1).normal(0, 1, features.shape)
    neuron, apart = fit_spread(noise, true, predicted)
    assert np.abs(np.log(apart)).max() < 0.4
    assert np.abs(np.log(neuron(noise))).max() < 0.4


def test_a_faces_own_error_does_not_reach_its_spread() -> None:
    features, true, predicted, _ = people(400, 0)
    _, before = fit_spread(features, true, predicted)
    true[7] += 40
    _, after = fit_spread(features, true, predicted)
    # The others' spreads shift all by the same; its own does not grow beside them.
    moved = np.log(after / before)
    assert moved[7] < np.quantile(moved, 0.9)


def test_a_model_file_carries_it_through_every_form(tmp_path: Path) -> None:
    model, crops = tiny.lively_model(), tiny.noise_crops(40)
    seen, ages = torch_answers(model, crops, tiny.CROP)
    neuron = SpreadNeuron(np.random.default_rng(0).normal(0, 0.03, seen.shape[1]), -0.1)
    wanted = neuron(seen)
    assert wanted.std() > 0.1
    plain = export_onnx(model, tmp_path / "plain.onnx", tiny.CROP)
    sure = export_onnx(model, tmp_path / "sure.onnx", tiny.CROP, spread=neuron)
    bare = AgeSession(plain)
    assert np.array_equal(bare.answers(crops), np.stack([bare.ages(crops), np.ones(40)], 1))
    files = {
        sure: 1e-3,
        export_self_contained(sure, tmp_path / "whole.onnx"): 1e-3,
        export_fp16(sure, tmp_path / "half.onnx"): 0.05,
    }
    for file, tolerance in files.items():
        session = AgeSession(file)
        found = session.answers(crops)
        assert found[:, 1] == pytest.approx(wanted, rel=tolerance), file.name
        assert np.array_equal(found[:, 0], session.ages(crops))
    # An untrained network's features lose much to 8 bits on noise.
    small = AgeSession(export_int8(sure, tmp_path / "small.onnx", crops)).answers(crops)
    assert spearmanr(small[:, 1], wanted)[0] > 0.6
    assert AgeSession(sure).ages(crops) == pytest.approx(bare.ages(crops), abs=1e-4)
    assert bare.ages(crops) == pytest.approx(ages, abs=1e-3)


def test_for_other_programs_the_file_has_one_output(tmp_path: Path) -> None:
    import onnxruntime as ort

    neuron = SpreadNeuron(np.zeros(1280), 0.0)
    path = export_onnx(tiny.lively_model(), tmp_path / "m.onnx", tiny.CROP, spread=neuron)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [item.name for item in session.get_outputs()] == ["age"]
