from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tiny
from facelage.data.manifest import Manifest, from_records
from facelage.errors import FacelageWarning, ManifestError
from facelage.evaluate import Evaluation, evaluate
from facelage.evaluate.predictions import PredictionsTable
from facelage.evaluate.report import text_report


@pytest.fixture
def people(tmp_path: Path) -> Manifest:
    """Six people of known age, and one of unknown; there are no photos."""
    rows = [{"path": f"{i}.jpg", "age": 10.0 * i, "sex": "fm"[i % 2]} for i in range(1, 7)]
    return from_records([*rows, {"path": "7.jpg", "age": math.nan, "sex": "f"}], tmp_path)


def table(**columns: object) -> PredictionsTable:
    return PredictionsTable(pd.DataFrame(columns), "theirs")


def test_predictions_are_matched_by_path_whatever_their_order(people: Manifest) -> None:
    paths = [f"{i}.jpg" for i in (6, 2, 4, 1, 5, 3)]
    result = evaluate(table(path=paths, predicted=[61, 21, 41, 11, 51, 31]), people, rounds=5)
    assert list(result.predictions["predicted"]) == [11, 21, 31, 41, 51, 61]
    figures = result.figures
    assert (result.model, figures["summary"]["bias"], figures["unlabelled"]) == ("theirs", 1, 1)
    assert (figures["failures"], figures["extra_predictions"]) == ({}, 0)


def test_age_is_the_prediction_where_there_is_no_column_for_it(people: Manifest) -> None:
    with pytest.warns(FacelageWarning, match="theirs has no column predicted: its column age is"):
        ages = table(path=["1.jpg", "2.jpg"], age=["12", "22.5"])
    result = evaluate(ages, people, rounds=5)
    assert list(result.predictions["predicted"].dropna()) == [12, 22.5]
    both = table(path=["1.jpg"], age=[99.0], predicted=[12.0])
    assert evaluate(both, people, rounds=5).figures["summary"]["mae"] == 2


def test_the_truth_is_not_taken_for_predictions(people: Manifest) -> None:
    with pytest.warns(FacelageWarning, match="age is taken"):
        truth = table(path=["2.jpg", "1.jpg", "8.jpg"], age=[20, 10, 5])
    with pytest.raises(ManifestError, match=r"holds the true ages.*all 2 rows; expected: path and"):
        evaluate(truth, people, rounds=5)
    for column in ("split", "crop", "sha256"):
        columns = {"path": ["1.jpg"], "age": [12.0], column: [""]}
        with pytest.raises(ManifestError, match=rf"age beside {column}; expected: path and pred"):
            table(**columns)
        assert len(table(predicted=[12.0], **columns)) == 1


def test_what_is_missing_and_what_is_too_much_is_counted(people: Manifest) -> None:
    theirs = table(
        path=["1.jpg", "2.jpg", "3.jpg", "7.jpg", "8.jpg", "9.jpg"],
        predicted=[10.0, math.nan, math.inf, 5.0, 5.0, 5.0],
    )
    result = evaluate(theirs, people, rounds=5)
    figures = result.figures
    assert figures["failures"] == {"no_prediction": 3, "no_age": 2}
    assert (figures["images"], figures["summary"]["n"]) == (6, 1)
    assert figures["extra_predictions"] == 2  # 7.jpg is in the data, if without an age
    assert list(result.predictions["status"]) == ["ok", "no_age", "no_age", *["no_prediction"] * 3]
    assert "lacks the image" in result.predictions["reason"].iloc[3]
    assert "no finite age" in result.predictions["reason"].iloc[1]


def test_intervals_are_measured(people: Manifest) -> None:
    theirs = table(
        path=["1.jpg", "2.jpg", "3.jpg", "4.jpg"],
        predicted=[11.0, 22.0, 33.0, math.nan],
        low=[5.0, 20.5, math.nan, 1.0],
        high=[15.0, 24.5, math.nan, 99.0],
    )
    coverage = evaluate(theirs, people, nominal=0.8, rounds=5).figures["coverage"]
    assert coverage == {
        "nominal": 0.8,
        "n": 2,
        "share": 0.5,
        "median_width": 7,
        "beside": 0,
        "by_decade": {
            "10-19": {"n": 1, "share": 1, "median_width": 10},
            "20-29": {"n": 1, "share": 0, "median_width": 4},
        },
    }


def test_intervals_beside_their_prediction_are_counted(people: Manifest) -> None:
    theirs = table(
        path=["1.jpg", "2.jpg", "3.jpg", "4.jpg"],
        predicted=[5.0, 24.5, 33.0, math.nan],
        low=[5.0, 20.5, 33.5, 1.0],
        high=[15.0, 24.0, 40.0, 2.0],
    )
    with pytest.warns(FacelageWarning, match="theirs: 2 of 3 intervals do not hold their own"):
        result = evaluate(theirs, people, rounds=5)
    assert result.figures["coverage"]["beside"] == 2
    assert "\n  2 do not hold their own prediction\n" in text_report(result)


def test_impossible_predictions_are_counted(people: Manifest) -> None:
    paths = [f"{i}.jpg" for i in range(1, 6)]
    result = evaluate(table(path=paths, predicted=[-0.1, 0, 150, 150.1, ""]), people, rounds=5)
    assert result.figures["implausible"] == 2
    assert "\n2 predictions are below 0 or above 150 years\n" in text_report(result)


def test_predictions_for_other_images_are_refused(people: Manifest) -> None:
    message = r"for other images; got: 1 paths, such as 'x/1.jpg'; expected: .* such as '1.jpg'"
    with pytest.raises(ManifestError, match=message):
        evaluate(table(path=["x/1.jpg"], predicted=[1.0]), people)
    with pytest.raises(ManifestError, match="the table is empty; got: 0 rows in theirs"):
        table(path=[], predicted=[])


def test_paths_that_occur_twice_are_named() -> None:
    paths = [f"{i}.jpg" for i in range(7)] * 2
    with pytest.raises(ManifestError, match=r"got: 0.jpg, 1.jpg, .*, 4.jpg and 2 more; expected"):
        table(path=paths, predicted=[1.0] * 14)
    with pytest.raises(ManifestError, match=r"once among the predictions; got: a;"):
        table(path=["a", "b", "a"], predicted=[1.0] * 3)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"file": ["a"], "predicted": [1]}, r"not a table of predictions; got: .*file, predicted"),
        ({"path": ["a"], "years": [1]}, "not a table of predictions"),
        ({"path": ["a", "b"], "predicted": ["1", "old"]}, r"row 2 .* predicted .*; got: 'old'"),
        ({"path": ["a"], "predicted": [1], "low": ["x"], "high": [1]}, "row 1 .* a low that is"),
        ({"path": ["a"], "predicted": [1], "low": [2], "high": [1]}, r"before it starts; got: a"),
        ({"path": ["a"], "predicted": [1], "low": [1]}, "one end only; got: low; expected: low"),
        ({"path": ["a"], "predicted": [1], "high": [1]}, "one end only; got: high; expected"),
    ],
)
def test_bad_tables_are_named_errors(columns: dict[str, list[object]], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        table(**columns)


@pytest.mark.parametrize("empty", ["", "nan", "NaN", "NA", "None", None, math.nan, " "])
def test_no_age_may_be_written_in_many_ways(empty: object) -> None:
    matched = table(path=["a"], predicted=[empty]).match(["a"])
    assert math.isnan(matched["predicted"][0])
    assert matched["status"][0] == "no_age"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_saved_evaluation_is_a_table_with_the_same_figures(kind: str, tmp_path: Path) -> None:
    people = tiny.write_faces(tmp_path / "faces", {"test": 8})
    rng = np.random.default_rng(0)
    said = people.ages() + rng.normal(0, 4, 8)
    said[2] = math.nan
    theirs = table(
        path=people.frame["path"],
        predicted=said,
        status=["ok", "ok", "no_face", *["ok"] * 5],
        reason=["", "", "too dark", *[""] * 5],
    )
    first = evaluate(theirs, people, groups=("gender",), rounds=20)
    assert first.figures["failures"] == {"no_face": 1}
    first.save(tmp_path / "theirs", table=kind, html=False)  # type: ignore[arg-type]
    again = PredictionsTable.load(tmp_path / "theirs" / f"predictions.{kind}")
    second = evaluate(again, people, groups=("gender",), rounds=20)
    assert isinstance(second, Evaluation)
    assert (second.model, second.figures) == ("theirs", first.figures)
    assert second.predictions["reason"][2] == "too dark"


def test_a_file_that_is_no_table_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"nothing")
    with pytest.raises(ManifestError):
        PredictionsTable.load(tmp_path / "broken.parquet")


def test_intervals_without_an_end_are_refused() -> None:
    frame = pd.DataFrame(
        {"path": ["a", "b"], "predicted": [1, 2], "low": [0, 1], "high": 2 * [9.0]}
    )
    PredictionsTable(frame)
    frame.loc[1, "high"] = np.inf
    with pytest.raises(ManifestError, match="no end; got: b"):
        PredictionsTable(frame)
