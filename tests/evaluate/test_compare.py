from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny
from facelage import metrics
from facelage.data.detect.base import Detection
from facelage.data.manifest import Manifest, from_records
from facelage.errors import ConfigError, ManifestError
from facelage.evaluate import compare, compare_evaluations, evaluate
from facelage.evaluate.predictions import PredictionsTable
from facelage.evaluate.report import comparison_report


def people(count: int = 60) -> Manifest:
    ages = np.random.default_rng(1).uniform(5, 85, count)
    rows = [{"path": f"{i:03d}.jpg", "age": age, "sex": "fm"[i % 2]} for i, age in enumerate(ages)]
    return from_records(rows, Path())


def said(name: str, ages: np.ndarray | pd.Series[Any]) -> PredictionsTable:
    paths = [f"{i:03d}.jpg" for i in range(len(ages))]
    return PredictionsTable(pd.DataFrame({"path": paths, "predicted": np.asarray(ages)}), name)


def good_and_bad(manifest: Manifest) -> tuple[PredictionsTable, PredictionsTable]:
    noise = np.random.default_rng(2).normal(0, 3, len(manifest))
    return said("good", manifest.ages() + noise), said("bad", manifest.ages() + 2 * noise + 1)


def test_the_better_model_is_named_with_how_sure_that_is() -> None:
    manifest = people()
    good, bad = good_and_bad(manifest)
    result = compare([good, bad], manifest, data="people", rounds=200)
    [difference] = result.differences
    true = manifest.ages()
    first, second = (e.predictions["predicted"].to_numpy() for e in result.evaluations)
    by = metrics.mae(true, second) - metrics.mae(true, first)
    low, high = metrics.paired_interval(metrics.mae, true, second, first, rounds=200)
    wanted = f"good is better than bad by {by:.2f} years ({low:.2f} to {high:.2f})"
    assert difference.verdict == wanted
    assert difference.figures["mae"] == pytest.approx(-by)
    assert difference.intervals["mae"] == pytest.approx((-high, -low))
    assert difference.figures["cs5"] == pytest.approx(
        metrics.cs(true, first, 5) - metrics.cs(true, second, 5)
    )
    [swapped] = compare([bad, good], manifest, rounds=200).differences
    assert swapped.verdict == difference.verdict
    assert swapped.figures["mae"] == pytest.approx(by)


def test_models_that_do_not_differ_clearly_are_said_not_to() -> None:
    manifest = people()
    rng = np.random.default_rng(3)
    a, b = (said(name, manifest.ages() + rng.normal(0, 5, 60)) for name in "ab")
    [difference] = compare([a, b], manifest, rounds=200).differences
    assert difference.verdict.startswith("no clear difference between a and b: ")
    low, high = difference.intervals["mae"]
    assert low <= 0 <= high


def test_the_table_is_over_the_faces_that_all_have_and_failures_are_each_models_own() -> None:
    manifest = people(20)
    true = manifest.ages()
    first, second = true + 1, true + 2
    first[[0, 1]] = math.nan
    second[[1, 5, 6]] = math.nan
    result = compare([said("a", first), said("b", second)], manifest, rounds=20)
    assert result.n == 16
    assert [row["failures"] for row in result.table] == [{"no_age": 2}, {"no_age": 3}]
    assert [row["summary"]["n"] for row in result.table] == [16, 16]
    assert [e.figures["summary"]["n"] for e in result.evaluations] == [18, 17]
    common = [i for i in range(20) if i not in (0, 1, 5, 6)]
    for row, ages in zip(result.table, (first, second), strict=True):
        assert row["summary"] == metrics.summary(true[common], ages[common])
        assert row["macro_mae"] == metrics.macro_mae(true[common], ages[common])
        intervals = metrics.summary_intervals(true[common], ages[common], rounds=20)
        assert row["macro_mae_interval"] == list(intervals.pop("macro_mae"))
        assert row["intervals"] == {name: list(ends) for name, ends in intervals.items()}


def test_with_the_training_mean_all_faces_count() -> None:
    manifest = people(20)
    true = manifest.ages()
    first = true.copy()
    first[3] = math.nan
    result = compare(
        [said("a", first), said("b", true)],
        manifest,
        failures="training_mean",
        training_mean=40.0,
        rounds=20,
    )
    assert result.n == 20
    assert result.table[0]["summary"]["mae"] == pytest.approx(abs(true[3] - 40) / 20)
    assert result.table[1]["summary"]["mae"] == 0


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_the_order_of_the_rows_changes_no_figure(seed: int) -> None:
    manifest = people(30)
    order = np.random.default_rng(seed).permutation(30)
    shuffled = Manifest(manifest.frame.iloc[order], manifest.root)
    models = good_and_bad(manifest)
    one, other = (compare(models, data, rounds=3) for data in (manifest, shuffled))
    for a, b in zip(one.table, other.table, strict=True):
        assert a["summary"] == pytest.approx(b["summary"], rel=1e-12)
        assert (a["intervals"], a["macro_mae_interval"]) == (
            b["intervals"],
            b["macro_mae_interval"],
        )
    assert one.differences[0].intervals == other.differences[0].intervals
    assert one.differences[0].figures == pytest.approx(other.differences[0].figures, abs=1e-9)


def test_every_pair_is_compared_and_names_are_told_apart() -> None:
    manifest = people(10)
    models = [said(name, manifest.ages() + 1) for name in ("run", "Run", "run", "other")]
    result = compare(models, manifest, rounds=5)
    names = ["run", "Run (2)", "run (3)", "other"]
    assert [e.model for e in result.evaluations] == [row["model"] for row in result.table] == names
    pairs = [(d.a, d.b) for d in result.differences]
    assert pairs == [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]


class Finder:
    name = "finder"

    def __init__(self) -> None:
        self.looked = 0

    def detect(self, image: np.ndarray) -> list[Detection]:
        self.looked += 1
        return [Detection((5, 5, 30, 30))] if image.mean() > 60 else []


class Seen:
    crop = tiny.CROP

    def __init__(self, name: str) -> None:
        self.name = name
        self.crops: list[np.ndarray] = []

    def predict_crops(self, crops: np.ndarray) -> np.ndarray:
        self.crops += list(crops)
        return crops.mean((1, 2, 3))


def test_faces_are_found_once_for_all_models(tmp_path: Path) -> None:
    faces = tiny.write_faces(tmp_path, {"test": 5})
    photos = Manifest(faces.frame.assign(path=faces.frame["crop"], crop=""), faces.root)
    finder, one, other = Finder(), Seen("one"), Seen("other")
    result = compare([one, other], photos, detector=finder, rounds=5)
    assert finder.looked == 5
    assert np.array_equal(one.crops, other.crops)
    assert 0 < len(one.crops) == result.n < 5
    assert [row["failures"] for row in result.table] == [{"no_face": 5 - result.n}] * 2


def test_what_can_not_be_compared_is_refused() -> None:
    manifest = people(6)
    good, bad = good_and_bad(manifest)
    with pytest.raises(ConfigError, match=r"nothing to compare; got: 1 models"):
        compare([good], manifest)
    with pytest.raises(ManifestError, match="columns to group by"):
        compare([good, bad], manifest, groups=("race",))
    halves = [manifest.ages().copy(), manifest.ages().copy()]
    halves[0][:3] = halves[1][3:] = math.nan
    with pytest.raises(ManifestError, match=r"no face that every model .*; got: a: 3, b: 3"):
        compare([said("a", halves[0]), said("b", halves[1])], manifest)
    one = evaluate(good, manifest, rounds=1)
    other = evaluate(good, Manifest(manifest.frame.iloc[1:], manifest.root), rounds=1)
    with pytest.raises(ManifestError, match="of different images; got: good: 6, good: 5"):
        compare_evaluations([one, other])


REPORT = """\
2 models on people
19 of 20 images: those that every model gave an age for

  model failed MAE CS@5 CS@10 MSE top-1 bias
  exact 1 0.00 (0.00 to 0.00) 100.0 (100.0 to 100.0) 100.0 (100.0 to 100.0) \
0.0 (0.0 to 0.0) 100.0 (100.0 to 100.0) 0.00 (0.00 to 0.00)
  old 0 7.00 (7.00 to 7.00) 0.0 (0.0 to 0.0) 100.0 (100.0 to 100.0) \
49.0 (49.0 to 49.0) 0.0 (0.0 to 0.0) 7.00 (7.00 to 7.00)

In brackets 95 % bootstrap intervals, drawing 19 faces;
MAE and bias in years, CS and top-1 in %.

Failed:
  exact  1 no_age
  old    none

MAE, and CS@5 in percentage points, paired on the same faces:
  exact is better than old by 7.00 years (7.00 to 7.00)
    CS@5, exact minus old: +100.0 (+100.0 to +100.0)
"""


def test_the_report_reads_like_this() -> None:
    ages = np.arange(20.0, 40.0)
    manifest = from_records(
        [{"path": f"{i:03d}.jpg", "age": age} for i, age in enumerate(ages)], Path()
    )
    exact = ages.copy()
    exact[4] = math.nan
    result = compare(
        [said("exact", exact), said("old", ages + 7)], manifest, data="people", rounds=10
    )
    text = comparison_report(result)
    assert [line.split() for line in text.splitlines()] == [
        line.split() for line in REPORT.splitlines()
    ]
    assert all(line == line.rstrip() for line in text.split("\n"))
    starts = {line.index("(") for line in text.splitlines()[4:6]}
    assert starts == {text.splitlines()[3].index("MAE") + 5}  # below each other


def test_people_are_drawn_not_their_photos() -> None:
    manifest = people(60)
    owners = [f"p{i // 6}" for i in range(60)]
    grouped = Manifest(manifest.frame.assign(group=owners), manifest.root)
    good, bad = good_and_bad(manifest)
    result = compare([good, bad], grouped, rounds=100, rejected={"no_face": 3})
    assert (result.bootstrap_unit, result.n_groups) == ("groups", 10)
    first, second = (e.predictions["predicted"].to_numpy() for e in result.evaluations)
    wanted = metrics.paired_interval(
        metrics.mae, manifest.ages(), first, second, groups=owners, rounds=100
    )
    assert result.differences[0].intervals["mae"] == pytest.approx(wanted)
    text = comparison_report(result)
    assert "drawing 10 groups (people, near-duplicates) of 60 faces: too few to trust it" in text
    assert "\n3 images that `prepare` rejected are in no figure: 3 no_face\n" in text
    plain = result.to_dict()
    assert (plain["bootstrap_unit"], plain["n_groups"]) == ("groups", 10)
    assert plain["rejected"] == {"no_face": 3}


def test_everything_survives_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []

    def write_report(evaluations: Any, folder: Path, **options: Any) -> None:
        calls.append({"evaluations": list(evaluations), "folder": folder, **options})

    monkeypatch.setitem(
        sys.modules, "facelage.evaluate.html", SimpleNamespace(write_report=write_report)
    )
    manifest = people(12)
    models = [said(name, manifest.ages() + 1) for name in ("run/best", "run_best", "..")]
    result = compare(models, manifest, data="people", groups=("sex",), rounds=5)
    result.save(tmp_path / "out")
    files = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")}
    assert {name for name in files if "/" not in name} == {"comparison.json", "comparison.txt"}
    folders = {name.rpartition("/")[0] for name in files} - {""}
    assert len(folders) == 3
    for folder in folders:
        assert {f"{folder}/{n}" for n in ("metrics.json", "report.txt", "predictions.csv")} <= files
    plain = json.loads((tmp_path / "out/comparison.json").read_text(encoding="utf-8"))
    assert plain["n"] == 12
    assert plain["table"] == list(result.table)
    assert plain["figures"]["run/best"] == result.evaluations[0].figures
    assert plain["differences"][0]["verdict"] == result.differences[0].verdict
    [call] = calls
    assert call["comparison"] is result
    assert call["evaluations"] == list(result.evaluations)
