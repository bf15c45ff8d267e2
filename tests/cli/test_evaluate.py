from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tiny
from facelage.data.images import save_image
from facelage.data.manifest import Manifest


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    tiny.write_faces(folder).save(folder / "manifest.csv")
    return folder


def test_a_checkpoint_and_its_export_have_the_same_figures(
    facelage: Callable, data: Path, tmp_path: Path
) -> None:
    figures = []
    for model in (tiny.shared_run(), tiny.shared_onnx()):
        done = facelage("evaluate", model, data, "--json", "--group", "gender", "--no-progress")
        assert done.code == 0, done.err
        figures.append(json.loads(done.out))
    assert figures[0]["summary"] == pytest.approx(figures[1]["summary"], abs=1e-3)
    assert figures[0]["summary"]["n"] == 8
    assert set(figures[0]["by_group"]["gender"]) == {"female", "male"}
    done = facelage("evaluate", tiny.shared_onnx(), data, "--split", "all", "--out", tmp_path / "o")
    count = len(Manifest.load(data))
    assert f"{count} of {count} images predicted" in done.out
    assert sorted(p.name for p in (tmp_path / "o").iterdir()) == [
        "metrics.json",
        "predictions.csv",
        "report.txt",
    ]


def test_photos_are_measured_by_their_split_if_they_have_one(
    facelage: Callable, astronaut: np.ndarray, tmp_path: Path
) -> None:
    save_image(tmp_path / "a.png", astronaut)
    save_image(tmp_path / "b.png", astronaut[:, ::-1].copy())
    save_image(tmp_path / "c.png", np.full((90, 90, 3), 120, np.uint8))
    table = tmp_path / "photos.csv"
    table.write_text("path,age,split\na.png,36,test\nb.png,36,train\nc.png,36,test\n")
    arguments = ["evaluate", "default", table, "--images", "--detector", "haar", "--json"]
    held_out = json.loads(facelage(*arguments, "--no-progress").out)
    assert (held_out["images"], held_out["failures"]) == (2, {"no_face": 1})
    every = json.loads(facelage(*arguments, "--split", "all", "--no-progress").out)
    assert every["images"] == 3


def test_faces_cut_for_another_model_are_refused(facelage: Callable, tmp_path: Path) -> None:
    tiny.write_faces(tmp_path).save(tmp_path / "manifest.csv")
    crop = json.loads(tiny.CROP.to_json()) | {"box_side": 1.5}
    (tmp_path / "prepare.json").write_text(json.dumps({"config": {"crop": crop}}))
    done = facelage("evaluate", tiny.shared_onnx(), tmp_path)
    assert done.code == 1
    assert "another crop" in done.err
