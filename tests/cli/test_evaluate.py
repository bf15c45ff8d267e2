from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tiny
from facelage.data.images import save_image
from facelage.data.manifest import Manifest
from facelage.evaluate.report import corruption_report


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
    names = {p.name for p in (tmp_path / "o").iterdir()}
    assert names >= {"metrics.json", "predictions.csv", "report.html", "report.txt"}
    assert "report.html" in done.err


def test_the_report_can_do_without_pictures_of_faces(
    facelage: Callable, data: Path, tmp_path: Path
) -> None:
    for option in ("--faces", "--no-faces"):
        out = tmp_path / option
        done = facelage("evaluate", tiny.shared_onnx(), data, "--out", out, option)
        assert done.code == 0, done.err
        sheets = list((out / "plots").glob("*worst*"))
        assert len(sheets) == (option == "--faces")


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


@pytest.fixture(scope="module")
def table(data: Path) -> Path:
    faces = Manifest.load(data).usable("test").frame
    predicted = (faces["age"] + 1).to_list()[:7]
    path = data / "theirs.csv"
    pd.DataFrame({"path": faces["path"][:7], "predicted": predicted}).to_csv(path, index=False)
    return path


def figures(facelage: Callable, *arguments: object) -> dict:
    done = facelage("evaluate", *arguments, "--json", "--no-progress")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_a_predictions_table_is_measured_with_its_failures(
    facelage: Callable, data: Path, table: Path
) -> None:
    left_out = figures(facelage, table, data)
    assert left_out["failures"] == {"no_prediction": 1}
    assert left_out["summary"]["n"] == 7
    assert left_out["summary"]["mae"] == pytest.approx(1)
    filled = figures(
        facelage,
        table,
        data,
        "--failures",
        "training_mean",
        "--training-mean",
        50,
        "--legal-age",
        16,
    )
    assert (filled["summary"]["n"], filled["training_mean"]) == (8, 50)
    assert filled["thresholds"]["legal_age"] == 16
    done = facelage("evaluate", table, data, "--failures", "training_mean")
    assert done.code == 1
    assert "--training-mean" in done.err


def test_a_constant_takes_the_training_mean(facelage: Callable, data: Path) -> None:
    plain = figures(facelage, "constant-mean", data, "--training-mean", 40)
    named = figures(facelage, "constant-mean:40", data)
    assert plain["summary"] == named["summary"]


def test_a_constant_median_is_not_the_training_mean(facelage: Callable, data: Path) -> None:
    done = facelage("evaluate", "constant-median", data, "--training-mean", 40)
    assert done.code == 1
    assert "--training-data FOLDER" in done.err
    assert facelage("evaluate", "constant-mean", data).code == 1


def test_training_data_give_the_constants_and_the_mean_of_failures(
    facelage: Callable, data: Path, table: Path
) -> None:
    ages = Manifest.load(data).usable("train").ages()
    assert abs(np.mean(ages) - np.median(ages)) > 1
    for name, age in (("mean", np.mean(ages)), ("median", np.median(ages))):
        taken = figures(facelage, f"constant-{name}", data, "--training-data", data)
        named = figures(facelage, f"constant-{name}:{age:g}", data)
        assert taken["summary"] == named["summary"]
    filled = figures(facelage, table, data, "--failures", "training_mean", "--training-data", data)
    assert (filled["summary"]["n"], filled["training_mean"]) == (8, pytest.approx(np.mean(ages)))
    twice = ["--training-data", data, "--training-mean", 3]
    done = facelage("evaluate", "constant-mean", data, *twice)
    assert "given twice" in done.err


def test_images_without_a_face_count_in_no_split_and_among_all(
    facelage: Callable, data: Path, tmp_path: Path
) -> None:
    manifest = Manifest.load(data)
    frame = manifest.frame.copy()
    rows = range(5)  # of the train split
    frame.loc[rows, "status"] = ["no_face", "no_face", "blurred", "exact_duplicate", "no_label"]
    frame.loc[rows, ["split", "crop"]] = ""
    frame.loc[4, "age"] = np.nan
    Manifest(frame, tmp_path).save(tmp_path / "manifest.csv")
    held_out = figures(facelage, "constant:30", tmp_path)
    assert (held_out["images"], held_out["failures"]) == (8, {})
    assert held_out["rejected"] == {
        "no_face": 2,
        "blurred": 1,
        "exact_duplicate": 1,
        "no_label": 1,
    }
    said = facelage("evaluate", "constant:30", tmp_path).out
    assert "5 images that `prepare` rejected are in no figure: 2 no_face, 1 blurred" in said
    filling = ("--split", "all", "--failures", "training_mean", "--training-mean", 50)
    every = figures(facelage, "constant:30", tmp_path, *filling)
    assert every["failures"] == {"no_face": 2, "blurred": 1}
    assert every["images"] == every["summary"]["n"] == len(frame) - 2
    assert every["rejected"] == {"exact_duplicate": 1, "no_label": 1}


def test_no_rows_are_a_named_error(facelage: Callable, tmp_path: Path) -> None:
    tiny.write_faces(tmp_path, {"train": 3}).save(tmp_path / "manifest.csv")
    done = facelage("evaluate", "constant:30", tmp_path)
    assert done.code == 1
    assert "no row in split 'test'" in done.err
    assert "fix: --split all" in done.err
    (tmp_path / "photos.csv").write_text("path,age,split\na.png,36,train\n")
    done = facelage("evaluate", "constant:30", tmp_path / "photos.csv", "--images")
    assert "no row in split 'test'" in done.err


def test_few_rounds_are_refused(facelage: Callable, data: Path) -> None:
    done = facelage("evaluate", "constant:30", data, "--rounds", 99)
    assert done.code == 1
    assert "got: --rounds 99" in done.err
    assert facelage("evaluate", "constant:30", data, "--rounds", 100).code == 0


@pytest.mark.parametrize("command", ["evaluate", "compare"])
def test_where_results_go_is_checked_before_anything_runs(
    facelage: Callable, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("predicted")

    monkeypatch.setattr(f"facelage.evaluate.{command}", never)
    (tmp_path / "file").touch()
    models = ["constant:30", data] if command == "evaluate" else ["constant:30", "--data", data]
    done = facelage(command, *models, "--out", tmp_path / "file/out")
    assert done.code == 1
    assert "file is a file" in done.err
    monkeypatch.setattr("facelage.evaluate.run.find_spec", lambda name: None)
    done = facelage(command, *models, "--out", tmp_path / "out", "--format", "parquet")
    assert done.code == 1
    assert "pyarrow" in done.err


def test_parquet_can_be_asked_for(
    facelage: Callable, data: Path, table: Path, tmp_path: Path
) -> None:
    done = facelage("evaluate", table, data, "--format", "parquet", "--out", tmp_path)
    assert done.code == 0, done.err
    assert len(pd.read_parquet(tmp_path / "predictions.parquet")) == 8


def test_faces_can_be_damaged(
    facelage: Callable, data: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {}

    class Result:
        table = tiny.corruption_table()

        def save(self, folder: Path) -> None:
            (folder / "corruptions.csv").write_text("model\n")

    def corrupt_and_evaluate(models: list, manifest: Manifest, **options: object) -> Result:
        assert (tmp_path / "out/metrics.json").is_file()  # what is known is safe already
        asked.update(models=[model.name for model in models], rows=len(manifest))
        return Result()

    monkeypatch.setattr("facelage.evaluate.corruptions.corrupt_and_evaluate", corrupt_and_evaluate)
    drawn = []

    def write_html(*_: object, corruptions: object, **__: object) -> None:
        drawn.append(corruptions)

    monkeypatch.setattr("facelage.evaluate.run.write_html", write_html)
    manifest = Manifest.load(data)
    manifest.frame["box"] = "1 1 30 30"
    manifest.save(tmp_path / "manifest.csv")
    (tmp_path / "crops").symlink_to(data / "crops")
    done = facelage(
        "evaluate",
        "constant:30",
        tmp_path,
        "--corruptions",
        "--out",
        tmp_path / "out",
        "--no-progress",
    )
    assert done.code == 0, done.err
    assert asked == {"models": ["constant:30"], "rows": 8}
    assert corruption_report(Result.table) in done.out
    assert [type(corruptions) for corruptions in drawn] == [type(None), Result]
    assert (tmp_path / "out/corruptions.csv").is_file()
    done = facelage("evaluate", table, tmp_path, "--corruptions")
    assert done.code == 0
    assert "theirs can't be given damaged faces" in done.err


def test_results_do_not_replace_what_they_come_from(
    facelage: Callable, data: Path, tmp_path: Path
) -> None:
    manifest = Manifest.load(data).usable("test")
    tables = []
    for name in ("a", "b"):
        tables.append(tmp_path / name / "predictions.csv")
        tables[-1].parent.mkdir()
        manifest.frame[["path"]].assign(predicted=30.0, note="mine").to_csv(tables[-1], index=False)
    content = tables[0].read_bytes()
    done = [
        facelage("evaluate", tables[0], data, "--out", tables[0].parent),
        facelage("compare", *tables, "--data", data, "--out", tmp_path),
        facelage("evaluate", "constant-mean:33", data, "--out", prepared_copy(tmp_path)),
        facelage(
            "evaluate",
            "constant-mean:33",
            tables[0],
            "--images",
            "--age-column",
            "predicted",
            "--out",
            tables[0].parent,
        ),
    ]
    for each in done:
        assert each.code == 1
        assert "would replace what they come from" in each.err
    assert tables[0].read_bytes() == content
    # Elsewhere they may be written, also above, and a comparison beside prepared faces.
    assert facelage("evaluate", tables[0], data, "--out", tmp_path, "--no-faces").code == 0
    out = tmp_path / "prepared"
    done = facelage("compare", *tables, "--data", data, "--out", out, "--no-faces")
    assert done.code == 0, done.err


def prepared_copy(folder: Path) -> Path:
    (folder / "prepared").mkdir()
    (folder / "prepared" / "prepare.json").write_text("{}")
    return folder / "prepared"


def test_json_holds_the_damaged_faces_too(
    facelage: Callable, astronaut: np.ndarray, tmp_path: Path
) -> None:
    save_image(tmp_path / "a.png", astronaut)
    (tmp_path / "photos.csv").write_text("path,age\na.png,33\n")
    arguments = (
        tmp_path / "photos.csv", "--images", "--detector", "haar", "--corruptions", "--json",
        "--rounds", 100, "--no-progress",
    )  # fmt: skip
    done = facelage("evaluate", "constant-mean:30", *arguments)
    rows = json.loads(done.out)["corruptions"]
    assert {row["model"] for row in rows} == {"constant-mean:30"}
    assert all(row["mae"] == 3 for row in rows)
    done = facelage("compare", "constant-mean:30", "constant-mean:31", "--data", *arguments)
    assert len(json.loads(done.out)["corruptions"]) == 2 * len(rows)
