from __future__ import annotations

from pathlib import Path

import pytest

from facelage.errors import ConfigError, DownloadError, MissingDependencyError
from facelage.evaluate import open_model
from facelage.evaluate.baselines import ConstantModel, OnnxPeer, open_baseline

from .network import write_network, write_spec


@pytest.mark.parametrize("name", ["constant-mean:33.1", "constant-median:33.1", "constant:33.1"])
def test_constants_by_name(name: str) -> None:
    for model in (open_baseline(name), open_model(name)):
        assert isinstance(model, ConstantModel)
        assert (model.name, model.age) == (name, 33.1)


def test_a_peer_by_its_spec(tmp_path: Path) -> None:
    write_network(tmp_path / "tiny.onnx")
    spec = write_spec(tmp_path)
    for given in (spec, str(spec)):
        assert isinstance(open_baseline(given), OnnxPeer)
    (tmp_path / "weights").mkdir()
    (tmp_path / "tiny.onnx").rename(tmp_path / "weights" / "tiny.onnx")
    assert open_baseline(spec, weights=tmp_path / "weights").name == "tiny"


@pytest.mark.parametrize("name", ["constant-mean:", "constant-mean", "constant-mean:old"])
def test_constants_without_an_age(name: str) -> None:
    with pytest.raises(ConfigError, match=r"holds no age; got: .*expected: constant-mean:33.1"):
        open_baseline(name)


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("constant-mean", "say constant-mean:33.1, --training-mean 33.1 or --training-data FOLDER"),
        ("constant-median", "say constant-median:33.1 or --training-data FOLDER"),
        ("constant-mean:old", "say constant-mean:33.1"),
        ("constant", "say constant:33.1"),
    ],
)
def test_constants_without_an_age_say_where_to_get_one(name: str, fix: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_baseline(name)
    assert caught.value.fix == fix


@pytest.mark.parametrize("name", ["constant-mean:-3", "constant-mean:nan", "constant:400"])
def test_constants_with_an_impossible_age(name: str) -> None:
    with pytest.raises(ConfigError, match="0 to 122 years"):
        open_baseline(name)


@pytest.mark.parametrize("name", ["", "constantly:3", "resnet", "deep:face"])
def test_what_there_is_not(name: str) -> None:
    with pytest.raises(ConfigError, match=r"unknown baseline; got: .*expected: constant-mean"):
        open_baseline(name)


@pytest.mark.parametrize("name", ["deepface", "deepface:opencv"])
def test_deepface_without_deepface(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "deepface", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'facelage\[deepface\]'"):
        open_baseline(name)
    assert not issubclass(DownloadError, MissingDependencyError)
