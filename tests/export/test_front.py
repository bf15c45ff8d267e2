from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

import tiny
from facelage.data.align import normalise
from facelage.export.front import GROUP, depthwise_bound, kept_channels, shorten_front
from facelage.export.layers import convolutions
from facelage.models import get_weights
from facelage.onnx_sessions import open_session


def ages(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    return open_session(model.SerializeToString()).run(["age"], {"input": images})[0]


def numbers(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}


def set_bias(model: onnx.ModelProto, layer: int, channels: list[int], value: float) -> None:
    [item] = [i for i in model.graph.initializer if i.name == convolutions(model)[layer].bias]
    bias = numpy_helper.to_array(item).copy()
    bias[channels] = value
    item.CopyFrom(numpy_helper.from_array(bias, item.name))


def extremes(size: int) -> np.ndarray:
    """Noise, black, white, each pure colour and single pixels: what bounds must hold for."""
    random = np.random.default_rng(0)
    every = [np.full((size, size, 3), colour, np.uint8) for colour in np.ndindex(2, 2, 2)]
    plain = np.stack(every) * 255
    dots = (random.random((8, size, size, 3)) > 0.9).astype(np.uint8) * 255
    return np.concatenate([plain, dots, 255 - dots, tiny.noise_crops(8, size)])


@pytest.mark.parametrize("where", ["tiny", "shipped"])
def test_ages_stay_for_any_picture(where: str) -> None:
    path = tiny.lively_onnx() if where == "tiny" else get_weights().path("onnx")
    crop = tiny.CROP if where == "tiny" else get_weights().crop
    model = onnx.load(path)
    set_bias(model, 0, [5, 9], -1e3)
    set_bias(model, 1, [1, 2, *range(15, 22)], -1e3)
    images = normalise(extremes(crop.size), crop)
    wanted = ages(model, images)
    shorten_front(model, crop)
    onnx.checker.check_model(model, full_check=True)
    assert convolutions(model)[0].weights.shape[0] <= 32 - GROUP
    assert len(convolutions(model)) == 51
    assert np.ptp(wanted) > 0.1
    assert ages(model, images) == pytest.approx(wanted, abs=2e-3)


def test_the_shipped_front_has_16_channels_and_no_bottleneck() -> None:
    weights = get_weights()
    model = onnx.load(weights.path("onnx"))
    shorten_front(model, weights.crop)
    shapes = [layer.weights.shape for layer in convolutions(model)[:4]]
    assert shapes == [(16, 3, 3, 3), (16, 1, 3, 3), (96, 16, 1, 1), (96, 1, 3, 3)]


def test_nothing_that_a_picture_makes_exceeds_the_bound() -> None:
    weights = get_weights()
    model = onnx.load(weights.path("onnx"))
    first, depthwise = convolutions(model)[:2]
    most = depthwise_bound(first, depthwise, numbers(model), weights.crop)
    [name] = [n.output[0] for n in model.graph.node if n.name == depthwise.node]
    model.graph.output.append(onnx.helper.make_tensor_value_info(name, 1, None))
    images = normalise(extremes(weights.crop.size), weights.crop)
    seen = open_session(model.SerializeToString()).run([name], {"input": images})[0]
    assert np.all(seen.max((0, 2, 3)) <= most + 1e-3)
    assert np.median(most - seen.max((0, 2, 3))) < 10  # and it says something


@given(st.lists(st.floats(-5, 5), min_size=8, max_size=40).map(np.array))
@settings(max_examples=200)
def test_what_can_be_is_kept_in_whole_groups(most: np.ndarray) -> None:
    kept = kept_channels(most)
    assert set(np.flatnonzero(most > 0)) <= set(kept)
    assert len(kept) % GROUP == 0 or len(kept) == len(most)
    assert len(kept) - max((most > 0).sum(), 1) < GROUP
    assert list(kept) == sorted(set(kept))
