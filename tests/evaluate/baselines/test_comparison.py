"""What benchmarks/accuracy/compare_peers.py says of facelage, and the page that it writes."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tiny
from facelage.data.images import save_image
from facelage.data.manifest import Manifest
from facelage.errors import ConfigError
from facelage.evaluate import evaluate
from facelage.infer.session import AgeSession
from facelage.metrics import summary

BENCHMARKS = Path(__file__).parents[3] / "benchmarks" / "accuracy"


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("compare_peers"), importlib.import_module("peers.page")


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """Prepared crops beside photos that show something else; two rows were rejected."""
    folder = tmp_path / "prepared" / "utkface"
    manifest = tiny.write_faces(folder)
    frame = manifest.frame.assign(box="4 4 28 28", landmarks="12 14 20 14 16 18 13 22 19 22")
    frame.loc[[0, 1], ["status", "split"]] = ["no_face", ""]
    Manifest(frame, folder).save(folder / "manifest.csv")
    crop = json.loads(tiny.CROP.to_json())
    settings = {"config": {"crop": crop}, "source": str(tmp_path / "shared" / "data")}
    (folder / "prepare.json").write_text(json.dumps(settings))
    for name in frame["path"]:
        save_image(tmp_path / "shared" / "data" / name, np.zeros((32, 32, 3), np.uint8))
    return tmp_path


def test_the_row_of_facelage_is_its_evaluation(modules: Any, prepared: Path) -> None:
    compare, _ = modules
    session = AgeSession(tiny.shared_onnx(), threads=1)
    faces = compare.read_faces(prepared / "prepared", prepared / "shared", "utkface")
    assert faces.rejected == {"no_face": 2}
    compare.predict_ours(session, faces, prepared / "ours.csv")
    table = pd.read_csv(prepared / "ours.csv")
    test = Manifest.load(prepared / "prepared" / "utkface").usable("test")
    figures = evaluate(session, test, rounds=1).figures["summary"]
    found = summary(table["age"].to_numpy(), table["predicted"].to_numpy())
    assert found == pytest.approx(figures, abs=1e-6)
    # `evaluate` would cut the faces again, from the photos.
    file = prepared / "prepared" / "utkface" / "prepare.json"
    file.write_text(file.read_text().replace('"box_shift": 0.05', '"box_shift": 0.3'))
    with pytest.raises(ConfigError, match="prepared with another crop"):
        compare.predict_ours(session, faces, prepared / "again.csv")


def test_the_page_names_what_was_left_out(modules: Any) -> None:
    _, page = modules
    same: dict[str, Any] = {
        "summary": dict.fromkeys(("mae", "cs5", "cs10", "mse", "top1"), 0.5),
        "intervals": dict.fromkeys(("mae", "cs5", "cs10", "mse", "top1"), (0.4, 0.6)),
        "difference": -1.0,
        "difference_interval": (-2.0, -0.5),
    }
    counts = {"ours": (8, 1), "constant_mean": (7, 2), "constant_median": (4, 1)}
    rows = [page.Row(label, n, failures, **same) for label, (n, failures) in counts.items()]
    photos = {"utkface": page.Photos(9, {"exact_duplicate": 3, "no_face": 2})}
    constants = {"constant_mean": 33.0, "constant_median": 29.0}
    text = page.page({"utkface": rows}, {}, "ours", constants, photos)
    rejected = "`prepare` rejected 5 more of the whole set (3 exact_duplicate, 2 no_face)"
    assert f"9 labelled photos. {rejected}" in text
    figures = "| 0.50 (0.40\u00a0to\u00a00.60) | 50.0 (40.0\u00a0to\u00a060.0) |"
    assert f"| **facelage, ours** {figures}" in text
    assert f"| constant 29.0 (median), 4 of 5 faces {figures}" in text
    assert f"| constant 33.0 (mean), 2 failures {figures}" in text
    assert "1 of the 9 photos gave no age." in text
    assert "-1.00 (-2.00\u00a0to\u00a0-0.50) |" in text
