from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch

import tiny
from facelage.data.align import normalise
from facelage.export.layers import Convolution, convolutions, input_moments


def layer(weights: np.ndarray, stride: int, padding: int, grouped: bool) -> Convolution:
    return Convolution("n", "x", "w", "b", weights, stride, padding, grouped)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("side", "padding"), [(1, 0), (3, 1)])
@pytest.mark.parametrize("grouped", [False, True])
def test_a_row_times_what_it_sees_is_what_the_convolution_gives(
    stride: int, side: int, padding: int, grouped: bool
) -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(3, 4, 9, 7)).astype(np.float32)
    weights = random.normal(size=(4, 1 if grouped else 4, side, side)).astype(np.float32)
    found = layer(weights, stride, padding, grouped)
    seen = found.inputs(features, random)
    outputs = np.einsum("cpk,ck->cp", seen, found.rows) if grouped else found.rows @ seen.T
    wanted = torch.nn.functional.conv2d(
        torch.from_numpy(features),
        torch.from_numpy(weights),
        stride=stride,
        padding=padding,
        groups=4 if grouped else 1,
    )
    places = wanted.numpy().transpose(1, 0, 2, 3).reshape(4, -1)
    distance = np.abs(outputs[:, :, None] - places[:, None]).max(0)
    assert distance.min(1).max() < 1e-5  # each is a place of the output
    assert len(np.unique(distance.argmin(1))) > 0.6 * places.shape[1]  # and all get their turn


def test_moments_are_those_of_the_inputs() -> None:
    model = onnx.load(tiny.shared_onnx())
    images = normalise(tiny.noise_crops(64), tiny.CROP)
    moments = input_moments(model, iter([images[:32], images[32:]]))
    layers = convolutions(model)
    assert set(moments) == {found.node for found in layers}
    mean, covariance = moments[layers[0].node]  # 3 x 3 pixels in 3 channels: white noise
    assert mean.shape == (27,)
    assert covariance.shape == (27, 27)
    inner = images[:, :, 1:-1, 1:-1]
    assert covariance[13, 13] == pytest.approx(inner[:, 1].var(), rel=0.1)
    assert abs(covariance[4, 13]) < 0.15 * covariance[13, 13]
    for found in layers:
        mean, covariance = moments[found.node]
        assert np.all(np.linalg.eigvalsh(covariance) > -1e-9 * max(1.0, np.abs(covariance).max()))
