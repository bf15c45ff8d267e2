from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tiny
from facelage.errors import ConfigError, WeightsError
from facelage.export import calibration_from_table
from facelage.infer import AgePredictor
from facelage.infer.session import AgeSession


def test_the_file_says_what_it_is(facelage: Callable, tmp_path: Path) -> None:
    data, path = tmp_path / "faces", tmp_path / "mine.onnx"
    tiny.write_faces(data).save(data / "manifest.csv")
    metrics = tmp_path / "metrics.json"
    metrics.write_text(json.dumps({"summary": {"mae": 4.5}}))
    done = facelage(
        "export", tiny.shared_run(), path, "--check", data, "--count", 10,
        "--licence", "mine alone", "--metrics", metrics,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.out.startswith("10 faces: torch and ONNX differ by at most ")
    session = AgeSession(path)
    assert session.name == "mine"
    assert session.crop == tiny.CROP
    assert json.loads(session.metadata["facelage.licence"]) == "mine alone"
    assert json.loads(session.metadata["facelage.metrics"]) == {"mae": 4.5}


@pytest.mark.parametrize("text", ["{}", "[]", "no json"])
def test_metrics_of_another_kind_are_refused(facelage: Callable, tmp_path: Path, text: str) -> None:
    metrics = tmp_path / "metrics.json"
    metrics.write_text(text)
    path = tmp_path / "mine.onnx"
    done = facelage("export", tiny.shared_run(), path, "--metrics", metrics)
    assert done.code == 1
    assert "metrics" in done.err
    assert not path.exists()


def test_a_failed_check_leaves_no_file(
    facelage: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facelage.errors import ExportError

    def fail(*_: object, **__: object) -> None:
        raise ExportError("they differ")

    monkeypatch.setattr("facelage.export.check_parity", fail)
    done = facelage("export", tiny.shared_run(), tmp_path / "mine.onnx")
    assert done.code == 1
    assert list(tmp_path.iterdir()) == []


def test_a_calibrated_model_says_how_sure_it_is(facelage: Callable, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    true = rng.uniform(0, 90, 400)
    table, path = tmp_path / "predictions.csv", tmp_path / "mine.onnx"
    frame = pd.DataFrame({"age": true, "predicted": true + rng.normal(0, 5, 400)})
    frame.to_csv(table, index=False)
    done = facelage("export", tiny.shared_run(), path, "--calibrate", table, "--count", 4)
    assert done.code == 0, done.err
    assert "calibrated on 400 faces: 90 % of those called 40 are 3" in done.out
    predictor = AgePredictor.from_pretrained(path, detector=None)
    assert predictor.session.calibration == calibration_from_table(table)
    [face] = predictor.predict(tiny.noise_crops(1)[0], coverage=0.8)
    assert face.coverage == 0.8
    assert face.interval is not None
    low, high = face.interval
    assert low <= face.age <= high
    assert 0 < face.probability_at_least(18) < 1
    assert face.to_dict()["interval"] == [round(low, 2), round(high, 2)]
    # The same face in a batch and as a crop, and a wider interval for more coverage.
    [result] = predictor.predict_batch([tiny.noise_crops(1)[0]], coverage=0.8)
    assert result.faces[0].interval == pytest.approx(face.interval, abs=1e-3)
    [wide] = predictor.predict_crops(tiny.noise_crops(1), coverage=0.95)
    assert wide.interval is not None
    assert wide.interval[1] > high
    with pytest.raises(ConfigError, match="coverage"):
        predictor.predict(tiny.noise_crops(1)[0], coverage=90)


def test_a_model_without_calibration_does_not_pretend() -> None:
    predictor = AgePredictor.from_pretrained(tiny.shared_onnx(), detector=None)
    [face] = predictor.predict(tiny.noise_crops(1)[0])
    assert face.interval is None
    assert face.coverage is None
    with pytest.raises(WeightsError, match=r"how sure it is; got: .* without a calibration"):
        face.probability_at_least(18)


def test_a_table_and_a_folder_do_not_mix(facelage: Callable, tmp_path: Path) -> None:
    table = tmp_path / "predictions.csv"
    table.write_text("age,predicted\n")
    done = facelage(
        "export", tiny.shared_run(), tmp_path / "a.onnx",
        "--calibrate", table, "--calibrate", tmp_path,
    )  # fmt: skip
    assert done.code == 1
    assert "calibrates a model by itself" in done.err


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    tiny.write_faces(folder, {"train": 40, "val": 12}).save(folder / "manifest.csv")
    return folder


def test_a_smaller_model_says_what_it_lost(facelage: Callable, tmp_path: Path, faces: Path) -> None:
    path = tmp_path / "age_prediction_9.0.0-int8.onnx"
    done = facelage("export", tiny.shared_onnx(), path, "--int8", "--check", faces, "--limit", 2)
    assert done.code == 0, done.err
    assert done.out.startswith("12 validation faces: MAE ")
    assert "of ages within 1.5 years of the original's" in done.out
    session = AgeSession(path)
    assert session.name == "age_prediction_9.0.0-int8"
    assert session.metadata["facelage.precision"] == "int8"
    assert session.metadata["n"] == "24"  # the source's metadata came along
    assert path.stat().st_size < 3e6


def test_a_model_that_lost_too_much_is_not_written(
    facelage: Callable, tmp_path: Path, faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facelage.export import growth

    ages = iter([np.zeros(12), np.full(12, -0.06)])  # all faces are older than that
    monkeypatch.setattr(growth, "session_ages", lambda *_: next(ages))
    done = facelage("export", tiny.shared_onnx(), tmp_path / "m.onnx", "--int8", "--check", faces)
    assert done.code == 1
    assert "off by too much more" in done.err
    assert "at most 0.05 more" in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_run_becomes_one_small_self_contained_file(
    facelage: Callable, tmp_path: Path, faces: Path
) -> None:
    path = tmp_path / "mine.onnx"
    done = facelage(
        "export", tiny.shared_run(), path, "--int8", "--self-contained", "--limit", 9,
        "--check", faces, "--licence", "mine alone",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "torch and ONNX differ by at most" in done.out
    session = AgeSession(path)
    assert session.self_contained
    assert session.name == "mine"
    assert session.metadata["facelage.precision"] == "int8"
    assert json.loads(session.metadata["facelage.licence"]) == "mine alone"
    assert session.ages(tiny.noise_crops(2, 50)).shape == (2,)


def test_half_the_bits_need_no_faces(facelage: Callable, tmp_path: Path, faces: Path) -> None:
    path = tmp_path / "half.onnx"
    assert facelage("export", tiny.shared_onnx(), path, "--fp16").code == 0
    assert AgeSession(path).metadata["facelage.precision"] == "fp16"
    checked = facelage("export", tiny.shared_onnx(), path, "--fp16", "--check", faces)
    assert checked.out.startswith("12 validation faces: MAE ")


def test_a_name_keeps_what_its_file_says(facelage: Callable, tmp_path: Path) -> None:
    from facelage.models import get_weights

    path = tmp_path / "mine.onnx"
    done = facelage("export", "default", path, "--self-contained")
    assert done.code == 0, done.err
    shipped = AgeSession(get_weights().path("onnx"))
    assert shipped.calibration is not None
    assert AgeSession(path).calibration == shipped.calibration
    assert AgeSession(path).metadata == {**shipped.metadata, "facelage.name": "mine"}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--int8", "--fp16", "--check", "."], "weights have 8 or 16 bits"),
        (["--int8"], "--int8 needs real faces with known ages"),
        (["--self-contained", "--licence", "mine"], "says already what these options add"),
        ([], "an ONNX file is exported already"),
    ],
)
def test_what_can_not_be_done_is_said(
    facelage: Callable, tmp_path: Path, options: list[str], problem: str
) -> None:
    done = facelage("export", tiny.shared_onnx(), tmp_path / "mine.onnx", *options)
    assert done.code == 1
    assert problem in done.err
    assert list(tmp_path.iterdir()) == []
