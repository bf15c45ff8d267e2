from __future__ import annotations

import json
import math
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

import tiny
from facelage import metrics
from facelage.data.align import CropSpec
from facelage.data.detect.base import Detection
from facelage.data.images import load_image
from facelage.data.manifest import Manifest
from facelage.errors import (
    ConfigError,
    FacelageWarning,
    ImageError,
    InvalidArrayError,
    ManifestError,
    MissingDependencyError,
)
from facelage.evaluate import Evaluation, TorchModel, choose_rows, evaluate, open_model
from facelage.evaluate.run import check_destination
from facelage.infer import AgePredictor
from facelage.infer.session import AgeSession


class Guess:
    """Says the given ages, one after the other."""

    name = "guess"

    def __init__(self, ages: list[float], size: int = tiny.CROP.size) -> None:
        self.crop = CropSpec(size=size)
        self._ages = list(ages)
        self.batches: list[int] = []
        self.seen: list[np.ndarray] = []

    def predict_crops(self, crops: np.ndarray) -> np.ndarray:
        assert crops.shape[1:] == (self.crop.size, self.crop.size, 3)
        assert crops.flags.c_contiguous
        self.batches.append(len(crops))
        self.seen += list(crops)
        said, self._ages = self._ages[: len(crops)], self._ages[len(crops) :]
        return np.array(said)


@pytest.fixture(scope="session")
def faces() -> Manifest:
    return tiny.shared_faces()


@pytest.fixture
def held_out(faces: Manifest) -> Manifest:
    return faces.usable("test")


def changed(manifest: Manifest, rows: list[int], **values: object) -> Manifest:
    frame = manifest.frame.copy()
    for name, value in values.items():
        frame.loc[rows, name] = value
    return Manifest(frame, manifest.root)


def without_images(rows: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    beside = ("images", "failed")
    return {name: {k: v for k, v in row.items() if k not in beside} for name, row in rows.items()}


def test_a_perfect_guess_has_no_error(held_out: Manifest) -> None:
    result = evaluate(Guess(list(held_out.ages())), held_out, data="squares", rounds=20)
    figures = result.figures
    assert (result.model, result.data) == ("guess", "squares")
    assert figures["summary"]["mae"] == figures["summary"]["bias"] == figures["macro_mae"] == 0
    assert figures["summary"]["n"] == figures["images"] == 8
    assert figures["summary"]["cs5"] == figures["summary"]["top1"] == 1
    assert figures["intervals"]["mae"] == [0, 0]
    assert figures["failures"] == {}
    assert figures["unlabelled"] == 0


def test_figures_are_the_metrics_of_the_predictions(faces: Manifest) -> None:
    rng = np.random.default_rng(0)
    said = faces.ages() + rng.normal(2, 5, len(faces))
    result = evaluate(Guess(list(said)), faces, groups=("gender", "split"), rounds=50)
    true, figures = faces.ages(), result.figures
    assert np.array_equal(result.predictions["predicted"], said)
    assert figures["summary"] == metrics.summary(true, said)
    assert figures["macro_mae"] == metrics.macro_mae(true, said)
    assert without_images(figures["by_decade"]) == metrics.by_band(true, said)
    assert without_images(figures["by_life_stage"]) == metrics.by_life_stage(true, said)
    assert figures["by_age"] == {str(k): v for k, v in metrics.by_age(true, said).items()}
    assert figures["thresholds"] == metrics.threshold_errors(true, said)
    assert figures["cs_curve"] == {str(k): v for k, v in metrics.cs_curve(true, said).items()}
    assert {name: without_images(rows) for name, rows in figures["by_group"].items()} == {
        name: metrics.compare_groups(true, said, list(faces.frame[name]))
        for name in ("gender", "split")
    }
    order = np.argsort(faces.frame["path"])
    intervals = metrics.summary_intervals(true[order], said[order], rounds=50)
    assert (figures["bootstrap_unit"], figures["n_groups"]) == ("faces", None)
    assert figures["macro_mae_interval"] == list(intervals.pop("macro_mae"))
    assert figures["intervals"] == {key: list(ends) for key, ends in intervals.items()}
    assert set(figures["intervals"]) == set(figures["summary"]) - {"n"}
    assert figures["coverage"] is None


@pytest.mark.parametrize("batch_size", [1, 3, 8, 64])
def test_the_batch_size_changes_nothing(batch_size: int, held_out: Manifest) -> None:
    guess = Guess(list(range(8)))
    result = evaluate(guess, held_out, batch_size=batch_size, rounds=1)
    assert list(result.predictions["predicted"]) == list(range(8))
    assert max(guess.batches) <= batch_size


def test_failures_are_counted_and_kept(held_out: Manifest) -> None:
    manifest = changed(held_out, [1, 2], status="no_face", crop="")
    manifest = changed(manifest, [5], status="unreadable", crop="")
    result = evaluate(Guess([0.0] * 5), manifest, rounds=1)
    assert result.figures["images"] == 8
    assert result.figures["summary"]["n"] == 5
    assert result.figures["failures"] == {"no_face": 2, "unreadable": 1}
    assert list(np.flatnonzero(result.predictions["predicted"].isna())) == [1, 2, 5]
    assert list(result.predictions["path"]) == list(manifest.frame["path"])


@pytest.mark.parametrize("nothing", [math.nan, math.inf])
def test_an_age_that_is_no_number_is_a_failure(nothing: float, held_out: Manifest) -> None:
    result = evaluate(Guess([1.0, nothing, *[1.0] * 6]), held_out, rounds=1)
    assert result.figures["failures"] == {"no_age": 1}
    assert result.figures["summary"]["n"] == 7
    row = result.predictions.iloc[1]
    assert (row["status"], math.isnan(row["predicted"])) == ("no_age", True)
    assert "no finite age" in row["reason"]


def test_rows_without_an_age_are_counted_beside(held_out: Manifest) -> None:
    manifest = changed(held_out, [0, 7], age=math.nan)
    guess = Guess(list(manifest.ages()[1:7]))
    result = evaluate(guess, manifest, rounds=1)
    assert result.figures["unlabelled"] == 2
    assert result.figures["images"] == result.figures["summary"]["n"] == 6
    assert result.figures["summary"]["mae"] == 0


def test_a_missing_group_column_is_named(held_out: Manifest) -> None:
    with pytest.raises(ManifestError, match=r"columns to group by; got: race; expected: .*gender"):
        evaluate(Guess([0.0] * 8), held_out, groups=("gender", "race"))


def test_rows_without_a_group_are_in_no_group(held_out: Manifest) -> None:
    manifest = changed(held_out, [0, 1], gender=None)
    figures = evaluate(Guess([0.0] * 8), manifest, groups=("gender",), rounds=1).figures
    groups = figures["by_group"]["gender"]
    assert {name: row["n"] for name, row in groups.items()} == {"female": 3, "male": 3}


def test_nothing_predicted_is_a_named_error(held_out: Manifest) -> None:
    with pytest.raises(ManifestError, match="no face could be predicted; got: 8 no_face"):
        evaluate(Guess([]), changed(held_out, list(range(8)), status="no_face"))
    with pytest.raises(ManifestError, match="there is no image to measure"):
        evaluate(Guess([]), Manifest(held_out.frame.iloc[:0], held_out.root))
    with pytest.raises(ManifestError, match=r"8 images, none with an age; .*fix: check the data"):
        evaluate(Guess([]), changed(held_out, list(range(8)), age=math.nan))


def test_a_groups_faces_are_drawn_together(faces: Manifest) -> None:
    rng = np.random.default_rng(0)
    owners = [f"p{i % 6}" for i in range(len(faces))]
    owners[3] = ""
    manifest = Manifest(faces.frame.assign(group=owners), faces.root)
    said = faces.ages() + rng.normal(2, 5, len(faces))
    figures = evaluate(Guess(list(said)), manifest, rounds=50).figures
    assert (figures["bootstrap_unit"], figures["n_groups"]) == ("groups", 7)
    order = np.argsort(faces.frame["path"])
    wanted = metrics.summary_intervals(
        faces.ages()[order], said[order], groups=np.array(owners, object)[order], rounds=50
    )
    assert figures["intervals"]["mae"] == list(wanted["mae"])
    backwards = Manifest(manifest.frame.iloc[::-1], manifest.root)
    again = evaluate(Guess(list(said[::-1])), backwards, rounds=50).figures
    for name in ("intervals", "macro_mae_interval"):
        assert again[name] == figures[name]


@pytest.mark.parametrize("name", ["predicted", "low", "high", "status", "reason"])
def test_an_evaluations_own_columns_are_no_groups(name: str, held_out: Manifest) -> None:
    manifest = Manifest(held_out.frame.assign(predicted=1.0, low=0.0, high=2.0), held_out.root)
    with pytest.raises(ManifestError, match=f"can't be grouped by; got: {name};"):
        evaluate(Guess([0.0] * 8), manifest, groups=("gender", name))


def test_what_prepare_rejected_stays_known(held_out: Manifest) -> None:
    result = evaluate(Guess([0.0] * 8), held_out, rounds=1, rejected={"no_face": 2})
    assert result.rejected == result.figures["rejected"] == {"no_face": 2}
    assert evaluate(Guess([0.0] * 8), held_out, rounds=1).rejected == {}


def statuses(faces: Manifest) -> Manifest:
    given = ["no_face", "exact_duplicate", "bad_label", "unreadable", "no_face"]
    manifest = changed(faces, list(range(5)), split="", crop="")
    manifest.frame.loc[list(range(5)), "status"] = given
    return manifest


def test_rejected_images_belong_to_no_split(faces: Manifest) -> None:
    rows, rejected = choose_rows(statuses(faces), "test")
    assert list(rows.frame["path"]) == list(faces.usable("test").frame["path"])
    assert rejected == {"no_face": 2, "exact_duplicate": 1, "bad_label": 1, "unreadable": 1}


def test_images_without_a_face_are_failures_of_all_splits(faces: Manifest) -> None:
    rows, rejected = choose_rows(statuses(faces))
    assert rejected == {"exact_duplicate": 1, "bad_label": 1}
    assert len(rows) == len(faces) - 2
    result = evaluate(
        Guess(list(faces.ages()[5:])), rows, failures="training_mean", training_mean=30, rounds=1
    )
    assert result.figures["failures"] == {"no_face": 2, "unreadable": 1}
    assert result.figures["summary"]["n"] == len(rows)


def test_no_row_is_a_named_error(faces: Manifest) -> None:
    nobody = Manifest(faces.frame.iloc[:0], faces.root)
    with pytest.raises(ManifestError, match="no row to measure; got: 0 rows"):
        choose_rows(nobody)
    twice = changed(faces, list(range(len(faces))), status="exact_duplicate", split="")
    with pytest.raises(ManifestError, match=f"no row to measure; got: {len(faces)} exact_dupl"):
        choose_rows(twice)
    some = changed(faces.usable("train"), [0, 1], split="")
    with pytest.raises(ManifestError, match=r"no row in split 'val'; got: 2 without a split, 22 t"):
        choose_rows(some, "val")


def test_a_destination_that_is_a_file_is_refused(
    held_out: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    result = evaluate(Guess([1.0] * 8), held_out, rounds=1)
    for out in (tmp_path / "file", tmp_path / "file/a/b", Path("file"), Path("file/a")):
        with pytest.raises(ConfigError, match=r"can't be written there; got: .*file is a file"):
            result.save(out, html=False)
    assert check_destination("a/b", "csv") == Path("a/b")
    assert not Path("a").exists()


@pytest.mark.parametrize("size", [64, 33, 128])
def test_crops_of_another_size_are_refused(size: int, held_out: Manifest) -> None:
    with pytest.raises(
        ManifestError, match=f"do not fit the model; got: 40 x 40 px; expected: {size}"
    ):
        evaluate(Guess([0.0] * 8, size), held_out)


@pytest.mark.parametrize("size", [40, 32, 20])
def test_padding_is_cut_away(size: int, held_out: Manifest) -> None:
    guess = Guess([0.0] * 8, size)
    evaluate(guess, held_out, rounds=1)
    pad = (40 - size) // 2
    wanted = [
        load_image(path)[pad : pad + size, pad : pad + size] for path in held_out.locate("crop")
    ]
    assert np.array_equal(guess.seen, wanted)


def test_torch_and_onnx_get_the_same_figures(faces: Manifest) -> None:
    from_torch = evaluate(TorchModel(tiny.shared_run()), faces, rounds=1)
    from_onnx = evaluate(AgeSession(tiny.shared_onnx()), faces, rounds=1)
    difference = from_torch.predictions["predicted"] - from_onnx.predictions["predicted"]
    assert difference.abs().max() <= 1e-3
    assert len(from_torch.predictions) == len(faces)


class HalfBlind:
    """Sees the whole picture as a face, if the picture is bright."""

    name = "half-blind"

    def detect(self, image: np.ndarray) -> list[Detection]:
        side = float(image.shape[0])
        small = Detection((0, 0, side / 3, side / 3), None, 0.9)
        return [small, Detection((0, 0, side, side), None, 0.8)] if image.mean() > 100 else []


def whole_photos(faces: Manifest) -> Manifest:
    return Manifest(faces.frame.assign(path=faces.frame["crop"], crop=""), faces.root)


class Brightness:
    """A session whose ages are the crops' brightness."""

    name, crop, calibration = "brightness", tiny.CROP, None

    def answers(self, crops: np.ndarray) -> np.ndarray:
        return np.stack([crops.mean((1, 2, 3)), np.ones(len(crops))], axis=1)


def test_a_predictor_has_to_find_the_faces_itself(tmp_path: Path) -> None:
    photos = whole_photos(tiny.write_faces(tmp_path, {"test": 8}))
    paths = photos.locate("path")
    paths[7].write_bytes(b"no image")
    corner = load_image(paths[6])
    corner[:13, :13] = 0  # where the small face is
    cv2.imwrite(str(paths[6]), corner)
    predictor = AgePredictor(Brightness(), detector=HalfBlind())  # type: ignore[arg-type]
    result = evaluate(predictor, photos, data="photos", rounds=1, batch_size=3)
    table = result.predictions
    dark = sum(load_image(path).mean() <= 100 for path in paths[:7])
    assert 0 < dark < 6
    assert result.model == "brightness"
    assert result.figures["failures"] == {"no_face": dark, "unreadable": 1}
    assert result.figures["summary"]["n"] == 7 - dark
    assert list(table["status"]) == ["no_face"] * dark + ["ok"] * (7 - dark) + ["unreadable"]
    assert list(table["faces_found"]) == [0] * dark + [2] * (7 - dark) + [0]
    assert "not an image" in table["reason"].iloc[7]
    small, large = sorted(face.age for face in predictor.predict(paths[6]))
    assert large > small + 20
    assert table["predicted"].iloc[6] == large  # the largest face counts


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The calls of ``write_report``, which draws nothing."""
    calls: list[dict[str, Any]] = []

    def write_report(evaluations: Any, folder: Path, **options: Any) -> None:
        calls.append({"evaluations": list(evaluations), "folder": folder, **options})

    module = SimpleNamespace(write_report=write_report)
    monkeypatch.setitem(sys.modules, "facelage.evaluate.html", module)
    return calls


def test_everything_survives_its_files(
    faces: Manifest, tmp_path: Path, reports: list[dict[str, Any]]
) -> None:
    manifest = changed(faces, [0], status="no_face")
    result = evaluate(Guess(list(faces.ages() + 1)), manifest, groups=("gender",), rounds=5)
    result.save(tmp_path / "report")
    names = sorted(path.name for path in (tmp_path / "report").iterdir())
    assert names == ["metrics.json", "predictions.csv", "report.txt"]
    text = (tmp_path / "report/metrics.json").read_text(encoding="utf-8")
    assert json.loads(text) == result.figures
    assert "NaN" not in text
    assert "Infinity" not in text
    table = pd.read_csv(tmp_path / "report/predictions.csv")
    assert list(table["path"]) == list(faces.frame["path"])
    assert np.allclose(table["predicted"], result.predictions["predicted"], equal_nan=True)
    assert b"\r" not in (tmp_path / "report/predictions.csv").read_bytes()
    assert reports == [
        {
            "evaluations": [result],
            "folder": tmp_path / "report",
            "comparison": None,
            "corruptions": None,
            "faces": True,
        }
    ]
    assert result.root == faces.root


def test_predictions_can_be_parquet(
    held_out: Manifest, tmp_path: Path, reports: list[dict[str, Any]]
) -> None:
    result = evaluate(Guess([1.0] * 8), held_out, rounds=1)
    result.save(tmp_path, table="parquet", html=False)
    assert not (tmp_path / "predictions.csv").exists()
    table = pd.read_parquet(tmp_path / "predictions.parquet")
    assert list(table["predicted"]) == [1.0] * 8
    assert not reports
    with pytest.raises(ConfigError, match="unknown table format"):
        result.save(tmp_path, table="xml", html=False)  # type: ignore[arg-type]


def test_missing_packages_are_named(
    held_out: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = evaluate(Guess([1.0] * 8), held_out, rounds=1)
    monkeypatch.setattr("facelage.evaluate.run.find_spec", lambda name: None)
    with pytest.warns(FacelageWarning, match=r"need matplotlib and jinja2: .*facelage\[report\]"):
        result.save(tmp_path)
    assert (tmp_path / "report.txt").is_file()
    with pytest.raises(MissingDependencyError, match=r"pyarrow.*facelage\[parquet\]"):
        result.save(tmp_path, table="parquet", html=False)


def test_the_callers_manifest_is_left_alone(held_out: Manifest) -> None:
    before = held_out.frame.copy()
    result = evaluate(Guess([math.nan, *[1.0] * 7]), held_out, rounds=1)
    assert isinstance(result, Evaluation)
    pd.testing.assert_frame_equal(held_out.frame, before)


def test_failures_may_count_as_the_training_mean(held_out: Manifest) -> None:
    manifest = changed(held_out, [3, 4], status="no_face", crop="")
    guess = Guess(list(held_out.ages()[[0, 1, 2, 5, 6, 7]]))
    result = evaluate(
        guess, manifest, failures="training_mean", training_mean=40.0, groups=("gender",), rounds=9
    )
    true = held_out.ages()
    said = true.copy()
    said[[3, 4]] = 40
    figures = result.figures
    assert figures["summary"] == metrics.summary(true, said)
    assert (figures["failures_as"], figures["training_mean"]) == ("training_mean", 40)
    assert figures["failures"] == {"no_face": 2}
    assert sum(row["n"] for row in figures["by_group"]["gender"].values()) == 8
    assert list(np.flatnonzero(result.predictions["predicted"].isna())) == [3, 4]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"failures": "training_mean"}, r"training data is not known; .*--training-mean"),
        ({"failures": "training_mean", "training_mean": math.nan}, "is not known; got: nan"),
        ({"failures": "training_mean", "training_mean": -1.0}, "is not known; got: -1"),
        ({"failures": "ignored"}, "unknown way to count failures"),
        ({"nominal": 1.0}, "nominal is out of range"),
        ({"legal_age": 0}, "legal_age is out of range"),
        ({"rounds": 0}, "rounds is out of range"),
    ],
)
def test_settings_out_of_range_are_refused(
    settings: dict[str, Any], message: str, held_out: Manifest
) -> None:
    with pytest.raises(ConfigError, match=message):
        evaluate(Guess([1.0] * 8), held_out, **settings)


def test_failures_are_counted_beside_every_group(held_out: Manifest) -> None:
    years = held_out.ages()
    assert (years > 80).sum() == 1
    rows = list(np.flatnonzero((held_out.frame["gender"] == "male") | (years > 80)))
    manifest = changed(held_out, rows, status="no_face", crop="")
    manifest = changed(manifest, [1], gender="")
    figures = evaluate(
        Guess([5.0] * (8 - len(rows))), manifest, groups=("gender",), rounds=1
    ).figures
    assert {n: (r["n"], r["images"]) for n, r in figures["by_group"]["gender"].items()} == {
        "female": (8 - len(rows) - 1, 3)
    }
    assert {n: r["failed"] for n, r in figures["by_group"]["gender"].items()} == {"female": 1}
    assert figures["empty_groups"]["gender"] == {"male": 4}
    assert figures["ungrouped"] == {"gender": 1}
    assert figures["empty_groups"]["life_stage"] == {"teen 13-17": 1, "senior 65+": 2}
    stages = {n: (r["n"], r["images"]) for n, r in figures["by_life_stage"].items()}
    assert stages == {"child 0-12": (1, 2), "adult 18-64": (2, 3)}
    counted = sum(row["images"] for row in figures["by_decade"].values())
    assert counted + sum(figures["empty_groups"]["decade"].values()) == 8


def test_a_group_column_without_a_value_has_no_groups(held_out: Manifest) -> None:
    manifest = changed(held_out, list(range(8)), gender="")
    figures = evaluate(Guess([5.0] * 8), manifest, groups=("gender",), rounds=1).figures
    assert (figures["by_group"], figures["ungrouped"]) == ({"gender": {}}, {"gender": 8})


def test_paths_that_occur_twice_are_refused(held_out: Manifest) -> None:
    manifest = changed(held_out, [3], path=held_out.frame["path"][2])
    with pytest.raises(ManifestError, match=r"more than once in the data; got: test_002.png;"):
        evaluate(Guess([1.0] * 8), manifest)


@pytest.mark.parametrize("age", [-1.0, 123.0, 999.0])
def test_an_impossible_age_is_refused(age: float, held_out: Manifest) -> None:
    with pytest.raises(ManifestError, match=rf"impossible; got: {age:g} for test_003.png"):
        evaluate(Guess([1.0] * 8), changed(held_out, [3], age=age))


@pytest.mark.parametrize("broken", [[0], [3], [0, 1, 5], list(range(8))])
def test_a_crop_that_can_not_be_read_costs_one_face(
    broken: list[int], held_out: Manifest, tmp_path: Path
) -> None:
    shutil.copytree(held_out.root / "crops", tmp_path / "crops")
    for row in broken:
        path = tmp_path / held_out.frame["crop"].iloc[row]
        missing = row % 2 or len(broken) == 8
        path.unlink() if missing else path.write_bytes(b"no picture")
    data = Manifest(held_out.frame, tmp_path)
    if len(broken) == 8:
        with pytest.raises(ImageError, match=r"test_000\.png"):  # none at all: they are elsewhere
            evaluate(Guess([4.0] * 8), data)
        return
    model = open_model(tiny.shared_onnx())
    whole = evaluate(model, held_out, rounds=1).predictions
    result = evaluate(model, data, rounds=1, batch_size=4)
    assert result.figures["failures"] == {"unreadable": len(broken)}
    assert list(result.predictions.index[result.predictions["predicted"].isna()]) == broken
    assert all(result.predictions["reason"][row] for row in broken)
    rest = [row for row in range(8) if row not in broken]
    assert list(result.predictions["predicted"][rest]) == list(whole["predicted"][rest])


def test_a_wrong_number_of_ages_is_a_named_error(held_out: Manifest) -> None:
    with pytest.raises(InvalidArrayError, match=r"guess does not answer with one age a face"):
        evaluate(Guess([1.0] * 7), held_out)


def test_what_is_no_model_is_refused(held_out: Manifest) -> None:
    with pytest.raises(ConfigError, match=r"not a model that can be evaluated; got: str"):
        evaluate("default", held_out)  # type: ignore[arg-type]


def test_columns_of_another_evaluation_are_not_taken_for_this_ones(held_out: Manifest) -> None:
    frame = held_out.frame.assign(predicted=3.0, low=1.0, high=2.0)
    result = evaluate(Guess([7.0] * 8), Manifest(frame, held_out.root), rounds=1)
    assert list(result.predictions["predicted"]) == [7.0] * 8
    assert result.figures["coverage"] is None


class Wide:
    """A calibration whose intervals are as wide as the coverage says."""

    def interval(self, ages: np.ndarray, coverage: float) -> np.ndarray:
        return np.stack([ages - 10 * coverage, ages + 10 * coverage], axis=-1)


def test_a_calibrated_models_intervals_are_measured(held_out: Manifest) -> None:
    true = held_out.ages()
    guess = Guess([true[0] + 7.9, true[1] - 8.1, math.nan, *true[3:]])
    guess.calibration = Wide()  # type: ignore[attr-defined]
    result = evaluate(guess, held_out, nominal=0.8, rounds=1)
    coverage = result.figures["coverage"]
    assert (coverage["nominal"], coverage["n"]) == (0.8, 7)
    assert coverage["share"] == pytest.approx(6 / 7)
    assert coverage["median_width"] == pytest.approx(16)
    assert sum(row["n"] for row in coverage["by_decade"].values()) == 7
    table = result.predictions
    assert np.array_equal(table["low"].isna(), table["predicted"].isna())


@pytest.mark.parametrize("name", ["decade", "life_stage", "predicted"])
def test_columns_of_its_own_can_not_be_grouped_by(name: str) -> None:
    faces = tiny.shared_faces()
    own = Manifest(faces.frame.assign(**{name: "x"}), faces.root)
    with pytest.raises(ManifestError, match="can't be grouped by"):
        evaluate(AgeSession(tiny.shared_onnx()), own, groups=[name], rounds=1)
