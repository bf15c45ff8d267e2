"""The specs of benchmarks/accuracy/peers, and those whose weights lie beside the repository."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facelage.data.detect import Detection, YuNetDetector
from facelage.evaluate.baselines import OnnxPeer, load_spec

SPECS = sorted((Path(__file__).parents[3] / "benchmarks" / "accuracy" / "peers").glob("*.toml"))
names = pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)

# Of Eileen Collins, as first run: far from these, colours, crop or decoding have changed.
AGES = {
    "c3ae_imdb": 25.5,
    "insightface_genderage_2018": 42.0,
    "openvino_0013": 21.1,
    "ssrnet_imdb": 24.2,
    "ssrnet_morph2": 31.2,
    "ssrnet_wiki": 25.4,
}


def test_there_are_eleven_peers() -> None:
    assert len(SPECS) == 11


@names
def test_a_spec_says_all_that_the_table_needs(path: Path) -> None:
    spec = load_spec(path)
    assert spec.name == path.stem
    assert len(spec.sha256) == 64
    assert set(spec.about) == {"title", "version", "licence", "trained_on", "crop", "source"}
    assert not any("|" in text for text in spec.about.values())


@pytest.fixture(scope="module")
def collins(astronaut: np.ndarray, yunet: Path) -> Detection:
    return YuNetDetector(yunet).detect(astronaut)[0]


@pytest.mark.parametrize("name", AGES)
def test_an_age_of_each_peer_at_hand(
    name: str, shared: Path, astronaut: np.ndarray, collins: Detection
) -> None:
    if name == "openvino_0013":
        pytest.importorskip("openvino")
    [path] = [path for path in SPECS if path.stem == name]
    peer = OnnxPeer.open(path, weights=shared / "peers", threads=1)
    [age] = peer.predict_faces([astronaut], [collins])
    assert age == pytest.approx(AGES[name], abs=1.0)
    [swapped] = peer.predict_faces([astronaut[:, :, ::-1]], [collins])
    assert abs(swapped - age) > 0.05
