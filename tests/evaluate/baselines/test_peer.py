from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.data.detect import Detection
from facelage.errors import (
    ChecksumError,
    ConfigError,
    InvalidArrayError,
    MissingDependencyError,
    WeightsError,
)
from facelage.evaluate.baselines import OnnxPeer
from facelage.evaluate.baselines.cropping import cut
from facelage.evaluate.baselines.runners import OnnxRunner, open_runner
from facelage.evaluate.models import FaceModel
from facelage.files import sha256

from .network import FACE, SPEC, photo, write_network, write_spec


def tiny(folder: Path, text: str = SPEC, **network: Any) -> OnnxPeer:
    write_network(folder / "tiny.onnx", **network)
    return OnnxPeer.open(write_spec(folder, text), threads=1)


def colours(image: np.ndarray, peer: OnnxPeer) -> np.ndarray:
    item = peer.spec.inputs[0]
    return cut(image, FACE, item.size, item.crop).reshape(-1, 3).mean(0)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("colour", ["RGB", "BGR"])
def test_colour_order_and_layout_reach_the_network(
    layout: str, colour: str, tmp_path: Path
) -> None:
    more = f'size = 16\ncolour = "{colour}"\nlayout = "{layout}"'
    peer = tiny(tmp_path, SPEC.replace("size = 16", more), layout=layout)
    assert isinstance(peer, FaceModel)
    image = photo()
    red, _, blue = colours(image, peer)
    assert abs(red - blue) > 5
    expected = red if colour == "RGB" else blue
    assert peer.predict_faces([image], [FACE]) == pytest.approx([expected], abs=1e-3)


def test_scaling_reaches_the_network(tmp_path: Path) -> None:
    more = "size = 16\nmean = [100.0, 0.0, 0.0]\nscale = 0.25"
    peer = tiny(tmp_path, SPEC.replace("size = 16", more))
    image = photo()
    expected = (colours(image, peer)[0] - 100) / 4
    assert peer.predict_faces([image], [FACE]) == pytest.approx([expected], abs=1e-3)


def test_every_decoding_on_a_network(tmp_path: Path) -> None:
    image = photo()
    cases = {
        'decode = "years"\nscale = 100.0': ([[1], [0], [0]], lambda c: 100 * c[0]),
        'decode = "expectation"\nages = [1, 10, 100]': (np.eye(3), lambda c: c @ [1, 10, 100]),
        'decode = "argmax_pairs"\ncolumns = [1, 5]': (
            [[0, 1, 0, 0, 1], [0, 0, 1, 1, 0], [0, 0, 0, 0, 0]],
            lambda c: int(c[1] > c[0]) + int(c[0] > c[1]),
        ),
    }
    for text, (weights, expected) in cases.items():
        peer = tiny(tmp_path, SPEC.replace('decode = "years"', text), weights=weights)
        ages = peer.predict_faces([image], [FACE])
        assert ages == pytest.approx([expected(colours(image, peer))], rel=1e-5)


def test_several_crops_go_to_several_inputs(tmp_path: Path) -> None:
    second = '[[input]]\nname = "b"\nsize = 16\ncrop = { kind = "nose", reach = "half_width" }\n'
    text = SPEC.replace("[output]", second + "\n[output]")
    weights = [[1], [0], [0], [1000], [0], [0]]
    peer = tiny(tmp_path, text, weights=weights, inputs=("input", "b"))
    image = photo()
    first, other = (cut(image, FACE, 16, item.crop)[..., 0].mean() for item in peer.spec.inputs)
    assert abs(first - other) > 1
    expected = first + 1000 * other
    assert peer.predict_faces([image], [FACE]) == pytest.approx([expected], rel=1e-5)


def test_the_named_output_counts(tmp_path: Path) -> None:
    text = SPEC.replace("[output]", '[output]\nname = "second"')
    peer = tiny(tmp_path, text, outputs=("first", "second"))
    assert np.isfinite(peer.predict_faces([photo()], [FACE])).all()
    other = tiny(tmp_path, text.replace("second", "third"), outputs=("first", "second"))
    with pytest.raises(ConfigError, match="no such output; got: 'third'; expected: first, second"):
        other.predict_faces([photo()], [FACE])


@given(order=st.permutations(range(7)), batch=st.integers(1, 9))
def test_order_and_batches_change_nothing(
    order: list[int], batch: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("peer")
    peer = tiny(folder, SPEC.replace("batch = 4", f"batch = {batch}"))
    images = [photo(seed) for seed in range(7)]
    ages = peer.predict_faces(images, [FACE] * 7)
    assert len(set(ages.round(3))) == 7
    mixed = peer.predict_faces([images[i] for i in order], [FACE] * 7)
    assert mixed == pytest.approx(ages[list(order)], abs=1e-4)


@pytest.mark.parametrize("bad", ["empty", "grey", "float", "no face", "outsized"])
@pytest.mark.parametrize("where", [0, 3, 5])
def test_one_bad_photo_loses_nothing_else(bad: str, where: int, tmp_path: Path) -> None:
    peer = tiny(tmp_path)
    images: list[Any] = [photo(seed) for seed in range(6)]
    faces: list[Detection | None] = [FACE] * 6
    good = peer.predict_faces(images, faces)
    match bad:
        case "empty":
            images[where] = np.zeros((0, 0, 3), np.uint8)
        case "grey":
            images[where] = images[where][:, :, 0]
        case "float":
            images[where] = images[where] / 255
        case "no face":
            faces[where] = None
        case "outsized":
            faces[where] = Detection((0.0, 0.0, 1e8, 1e8))
    ages = peer.predict_faces(images, faces)
    assert np.isnan(ages[where])
    rest = np.arange(6) != where
    assert ages[rest] == pytest.approx(good[rest], abs=1e-4)


def test_an_infinite_age_is_none(tmp_path: Path) -> None:
    peer = tiny(tmp_path, bias=float("inf"))
    ages = peer.predict_faces([photo()], [FACE])
    assert np.isnan(ages).all()


def test_nobody(tmp_path: Path) -> None:
    ages = tiny(tmp_path).predict_faces([], [])
    assert (ages.shape, ages.dtype) == ((0,), np.float64)


def test_as_many_faces_as_images(tmp_path: Path) -> None:
    with pytest.raises(InvalidArrayError, match="2 images and 1 faces"):
        tiny(tmp_path).predict_faces([photo(), photo()], [FACE])


def test_a_network_for_one_face_gets_one_at_a_time(tmp_path: Path) -> None:
    images = [photo(seed) for seed in range(5)]
    one, many = tmp_path / "one", tmp_path / "many"
    one.mkdir()
    many.mkdir()
    single, several = tiny(one, batch=1), tiny(many)
    ages = several.predict_faces(images, [FACE] * 5)
    assert single.predict_faces(images, [FACE] * 5) == pytest.approx(ages, abs=1e-4)


@pytest.mark.parametrize(
    ("text", "network", "message"),
    [
        (SPEC, {"inputs": ("x",)}, "other inputs than its spec; got: input; expected: x"),
        (SPEC, {"size": 24}, r"another shape .*got: size 16, layout NCHW; .*'N', 3, 24, 24"),
        (SPEC, {"layout": "NHWC"}, r"another shape .*'N', 16, 16, 3"),
        (SPEC, {"batch": 3}, r"another shape .*\(3, 3, 16, 16\)"),
    ],
)
def test_a_spec_for_another_network(
    text: str, network: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny(tmp_path, text, **network)


def test_an_output_of_another_shape(tmp_path: Path) -> None:
    peer = tiny(tmp_path, weights=np.eye(3))
    with pytest.raises(ConfigError, match="does not fit its spec"):
        peer.predict_faces([photo()], [FACE])


def test_weights_in_another_folder(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    write_network(tmp_path / "weights" / "tiny.onnx")
    spec = write_spec(tmp_path)
    assert OnnxPeer.open(spec, weights=tmp_path / "weights").name == "tiny"
    with pytest.raises(WeightsError, match="no model file"):
        OnnxPeer.open(spec)


def test_a_pinned_file(tmp_path: Path) -> None:
    file = write_network(tmp_path / "tiny.onnx")
    right = SPEC.replace("batch = 4", f'sha256 = "{sha256(file).upper()}"')
    assert OnnxPeer.open(write_spec(tmp_path, right)).name == "tiny"
    wrong = SPEC.replace("batch = 4", f'sha256 = "{"0" * 64}"')
    with pytest.raises(ChecksumError, match="not the file that the spec was written for"):
        OnnxPeer.open(write_spec(tmp_path, wrong))


def test_files_that_are_no_models(tmp_path: Path) -> None:
    for name in ("bad.onnx", "bad.h5"):
        (tmp_path / name).write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="can't be opened"):
        open_runner(tmp_path / "bad.onnx")
    with pytest.raises(ConfigError, match=r"got: bad.h5; expected: .onnx or .xml") as caught:
        open_runner(tmp_path / "bad.h5")
    assert "benchmarks/accuracy/compare_peers.py runs" in str(caught.value)
    with pytest.raises(WeightsError, match=r"no model file.*--weights.*README.md there says where"):
        open_runner(tmp_path / "missing.onnx")


def test_without_openvino(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "model.xml").write_text("<net/>")
    monkeypatch.setitem(importlib.import_module("sys").modules, "openvino", None)
    with pytest.raises(MissingDependencyError, match="pip install openvino"):
        open_runner(tmp_path / "model.xml")


def test_openvino_as_its_interface_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A stand-in with the names of openvino 2026.4, so that the suite needs no OpenVINO."""

    class Length:
        def __init__(self, length: int | None) -> None:
            self.is_dynamic = length is None
            self.get_length = lambda: length

    class Model:
        def __init__(self, path: str, device: str, settings: dict[str, int]) -> None:
            if "broken" in path:
                raise RuntimeError("no model")
            assert (device, settings) == ("CPU", {"INFERENCE_NUM_THREADS": 1})
            shape = [Length(end) for end in (1, 3, 16, 16)]
            self.inputs = [SimpleNamespace(any_name="input", partial_shape=shape)]
            self.outputs = [SimpleNamespace(any_name=name) for name in ("gender", "age")]

        def __call__(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            mean = inputs["input"].mean((2, 3))[:, :1, None, None] / 100
            return {"gender": mean * 0, "age": mean}

    core = SimpleNamespace(compile_model=Model)
    fake = SimpleNamespace(Core=lambda: core)
    monkeypatch.setitem(importlib.import_module("sys").modules, "openvino", fake)
    (tmp_path / "tiny.xml").write_text("<net/>")
    text = SPEC.replace(".onnx", ".xml").replace('"years"', '"years"\nname = "age"\nscale = 100.0')
    peer = OnnxPeer.open(write_spec(tmp_path, text), threads=1)
    images = [photo(seed) for seed in range(3)]
    expected = [colours(image, peer)[0] for image in images]
    assert peer.predict_faces(images, [FACE] * 3) == pytest.approx(expected, rel=1e-5)
    (tmp_path / "broken.xml").write_text("<net/>")
    with pytest.raises(WeightsError, match="can't be opened"):
        open_runner(tmp_path / "broken.xml", 1)


def test_shapes_say_what_may_vary(tmp_path: Path) -> None:
    runner = OnnxRunner(write_network(tmp_path / "tiny.onnx"))
    assert runner.shapes == {"input": (None, 3, 16, 16)}
