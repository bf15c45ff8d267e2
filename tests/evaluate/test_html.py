from __future__ import annotations

import base64
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plots import made

from facelage.errors import ConfigError, MissingDependencyError
from facelage.evaluate import Evaluation
from facelage.evaluate.compare import Difference, compare_evaluations
from facelage.evaluate.corruptions.run import CorruptionResult
from facelage.evaluate.html import write_report
from facelage.evaluate.html_pictures import over_common_faces
from facelage.evaluate.html_tables import (
    differences_table,
    headline,
    number,
    percent,
    summaries_table,
)

VOID = {"meta", "img", "br", "link", "input", "hr", "base"}


class Page(HTMLParser):
    """Tags, attributes and text of a page whose tags all close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def corruptions(*models: str) -> CorruptionResult:
    return CorruptionResult(made.corruptions(models, 3), 123, 0)


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> tuple[Evaluation, Path]:
    evaluation = made.evaluation(made.faces())
    folder = tmp_path_factory.mktemp("single")
    return evaluation, write_report([evaluation], folder, corruptions=corruptions("squares_1.0"))


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Evaluation], Path]:
    frames = [made.faces(200, failures=count) for count in (0, 5, 9)]
    frames[1]["predicted"] += 9
    models = [made.evaluation(frame, f"model {i}") for i, frame in enumerate(frames)]
    comparison = compare_evaluations(models, data="painted", rounds=30)
    folder = tmp_path_factory.mktemp("several")
    return models, write_report(models, folder, comparison=comparison)


def test_it_asks_nothing_of_anybody(single: tuple[Evaluation, Path]) -> None:
    html = single[1].read_text(encoding="utf-8")
    page = Page(html)
    assert not re.search(r"(?i)https?:|file:|@import|url\(|javascript:|//[a-z]", html_only(html))
    assert {"script", "link", "iframe", "object", "base"}.isdisjoint(tag for tag, _ in page.tags)
    assert all(each["src"].startswith("data:image/png;base64,") for each in page.all("img"))
    assert all(each["href"].startswith("#") for each in page.all("a"))
    policy = [each["content"] for each in page.all("meta") if "http-equiv" in each]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def html_only(html: str) -> str:
    """Without the pictures, whose letters may spell anything."""
    return re.sub(r"base64,[A-Za-z0-9+/=]+", "base64,", html)


def test_pictures_are_files_too_and_decode(single: tuple[Evaluation, Path]) -> None:
    images = read(single[1]).all("img")
    files = {path.read_bytes() for path in (single[1].parent / "plots").glob("*.png")}
    assert len(images) == len(files) == 9
    for image in images:
        data = base64.b64decode(image["src"].partition(",")[2])
        assert data in files
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape[:2] == (int(image["height"]), int(image["width"]))
        assert re.search(r".+\. .*n = \d+ faces", image["alt"])


def test_the_headlines_come_with_n_intervals_and_failures(
    single: tuple[Evaluation, Path],
) -> None:
    figures, text = single[0].figures, read(single[1]).text
    assert text.startswith("squares_1.0 on painted, test split, n = 397 faces")
    for key in ("mae", "rmse", "cs5", "cs10", "top1", "median_error", "macro_mae"):
        cell = headline(figures, key)
        assert f"{cell.text} {cell.small} 397" in text
    low, high = figures["intervals"]["mae"]
    mae = figures["summary"]["mae"]
    assert f"off by {mae:.2f} years on average (95 % interval {low:.2f} to {high:.2f})" in text
    assert "over 397 of 400 labelled images" in text
    assert "Failed, and left out of every figure: 3 images" in text
    assert "3 no_face the detector found no face (3)" in text
    assert "Left out for want of an age: 4 images more" in text
    assert "3 of 400" in text


def test_failures_counted_as_the_training_mean_say_so(tmp_path: Path) -> None:
    evaluation = made.evaluation(made.faces(60), failures="training_mean", training_mean=33.3)
    text = read(write_report([evaluation], tmp_path)).text
    assert "counted as if the model had said the training mean, 33.3 years: 3 images" in text
    assert "over 60 of 60 labelled images" in text


def test_every_table_is_there(single: tuple[Evaluation, Path]) -> None:
    page = read(single[1])
    labels = [each["aria-label"] for each in page.all("div") if "aria-label" in each]
    assert labels == [
        "All figures",
        "MAE in years by severity",
        "By stage of life",
        "By decade",
        "By gender",
        "Intervals that promise 90 %",
        "Age check for 18",
        "By year of age",
        "Files of the largest errors",
    ]
    assert len(page.all("details")) == 4
    assert all("scope" in each for each in page.all("th"))
    for word in ("child 0-12", "senior 65+", "above best", "times best", "photos/00"):
        assert word in page.text


@pytest.mark.parametrize(
    "evil", ["<script>alert(1)</script>", '"><img src=x onerror=a>', "{{ 1 }}"]
)
def test_names_are_text(tmp_path: Path, evil: str) -> None:
    frame = made.faces(80).assign(path=[f"{i}{evil}" for i in range(80)])
    frame["gender"] = [f"{evil}{i % 2}" for i in range(80)]
    frame[evil] = evil
    frame.loc[frame["predicted"].isna(), "reason"] = evil
    frame.loc[frame["predicted"].isna(), "status"] = evil
    evaluations = [
        made.evaluation(frame, f"{evil}{i}", evil, columns=("gender", evil)) for i in range(2)
    ]
    result = corruptions(*(each.model for each in evaluations))
    comparison = compare_evaluations(evaluations, data=evil, rounds=5)
    path = write_report(evaluations, tmp_path, comparison=comparison, corruptions=result)
    page = read(path)
    assert "script" not in [tag for tag, _ in page.tags]
    assert not [attributes for _, attributes in page.tags if "onerror" in attributes]
    assert page.text.count(evil) > 20
    assert all(file.parent == tmp_path / "plots" for file in tmp_path.rglob("*.png"))


def test_several_models_lead_with_one_table_over_common_faces(
    several: tuple[list[Evaluation], Path],
) -> None:
    page = read(several[1])
    text = page.text
    assert text.startswith("3 models on painted, test split, n = 191 to 200 faces")
    common = int(np.isfinite([e.predictions["predicted"] for e in several[0]]).all(0).sum())
    assert f"Over the {common} faces that count for every model" in text
    assert "Failures are left out of every figure" in text
    assert "9 no_face: the detector found no face (9)" in text
    for number_, each in enumerate(several[0], 1):
        assert {"href": f"#model-{number_}"} in page.all("a")
        assert text.count(each.model) > 4
    ids = [each["id"] for each in page.all("section") if "id" in each]
    assert ids == ["model-1", "model-2", "model-3"]


def test_differences_come_with_intervals_and_verdicts(
    several: tuple[list[Evaluation], Path],
) -> None:
    comparison = compare_evaluations(several[0], data="painted", rounds=30)
    text = read(several[1]).text
    for each in comparison.differences:
        low, high = each.intervals["mae"]
        short = (
            "first better" if high < 0 else "second better" if low > 0 else "no clear difference"
        )
        mae = number(each.figures["mae"], signed=True)
        ends = f"{number(low, signed=True)} to {number(high, signed=True)}"
        assert f"{each.a} minus {each.b} {short} {mae} {ends}" in text
    # One is far behind, the third is the first with more failures.
    assert "ahead of 1 of the 2 others by more than chance" in text


def test_a_verdict_says_which_of_the_two() -> None:
    figures, even = {"mae": 0.0, "cs5": 0.0}, (-1.0, 1.0)
    ends = {"first better": (-2.0, -1.0), "second better": (1.0, 2.0), "no clear difference": even}
    pairs = [Difference("a", "b", figures, {"mae": mae, "cs5": even}, "") for mae in ends.values()]
    assert [row[1].text for row in differences_table("", pairs).rows] == list(ends)


def test_on_a_phone_leading_tables_are_cards_with_every_column_named(
    single: tuple[Evaluation, Path], several: tuple[list[Evaluation], Path]
) -> None:
    named = "MAE, years", "verdict, by MAE", "CS@5", "how", "what it says", "95 % interval"
    labels: set[str] = set()
    for _, path in (single, several):
        page = read(path)
        tables = [each for each in page.all("div") if "table" in each.get("class", "").split()]
        stacked = [each["aria-label"] for each in tables if "stacks" in each["class"]]
        assert stacked[0] in ("All figures", "The models, lowest MAE first")
        assert "By decade" not in stacked
        labels |= {each["data-label"] for each in page.all("td") if "data-label" in each}
        html = path.read_text(encoding="utf-8")
        assert re.search(r"@media screen and \(max-width: 600px\) \{\s*\.stacks table", html)
    assert set(named) <= labels


def test_two_models_that_differ_by_nothing(tmp_path: Path) -> None:
    models = [made.evaluation(made.faces(60), name) for name in ("a", "b")]
    comparison = compare_evaluations(models, rounds=10)
    text = read(write_report(models, tmp_path, comparison=comparison)).text
    assert "a and b on painted" in text
    assert "but is ahead of no other by more than chance" in text


def test_without_a_comparison_nothing_is_claimed(tmp_path: Path) -> None:
    models = [made.evaluation(made.faces(60), "a"), made.evaluation(made.faces(60), "b", "else")]
    text = read(write_report(models, tmp_path)).text
    assert "more than chance was not tested" in text
    assert "a, painted, test split" in text


@pytest.mark.parametrize("faces", [1, 2])
def test_one_face_is_enough(tmp_path: Path, faces: int) -> None:
    frame = made.faces(faces, failures=faces - 1)
    page = read(write_report([made.evaluation(frame)], tmp_path))
    assert "n = 1 face" in page.text
    assert "few faces" in page.text


def test_a_hundred_groups_and_no_intervals(tmp_path: Path) -> None:
    frame = made.faces(900, groups=100, failures=200).drop(columns=["low", "high"])
    page = read(write_report([made.evaluation(frame)], tmp_path))
    assert "group 099" in page.text
    assert "that promise" not in page.text
    assert not (tmp_path / "plots" / "interval_coverage.png").exists()


def test_nothing_is_drawn_where_all_failed(tmp_path: Path) -> None:
    """Possible where failures count as the training mean."""
    evaluation = made.evaluation(made.faces(30))
    evaluation.predictions.loc[:, ["predicted", "low", "high"]] = np.nan
    page = read(write_report([evaluation], tmp_path))
    assert len(page.all("img")) == 1  # the ages
    assert "Files of the largest errors" not in page.text


@pytest.mark.parametrize(
    ("own", "given", "faces", "shown"),
    [
        (False, False, True, False),
        (True, False, True, True),
        (False, True, True, True),
        (True, True, False, False),
    ],
)
def test_the_worst_faces_need_a_folder_and_leave(
    tmp_path: Path, own: bool, given: bool, faces: bool, shown: bool
) -> None:
    evaluation = replace(made.evaluation(made.faces(9)), root=tmp_path if own else None)
    write_report([evaluation], tmp_path, root=tmp_path if given else None, faces=faces)
    assert (tmp_path / "plots" / "worst_faces.png").exists() == shown


def test_equal_evaluations_give_equal_reports_and_no_litter(tmp_path: Path) -> None:
    for name in ("a", "b"):
        path = write_report([made.evaluation(made.faces(50))], tmp_path / name)
        assert path == tmp_path / name / "report.html"
    contents = [
        {file.relative_to(tmp_path / name): file.read_bytes() for file in files}
        for name in ("a", "b")
        if (files := [f for f in (tmp_path / name).rglob("*") if f.is_file()])
    ]
    assert contents[0] == contents[1]
    assert {file.suffix for file in contents[0]} == {".html", ".png"}


def test_nothing_to_report_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to report"):
        write_report([], tmp_path)


def test_jinja2_is_asked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingDependencyError, match=r"facelage\[report\]"):
        write_report([made.evaluation(made.faces(5))], tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\N{EN DASH}"),
        (float("nan"), "\N{EN DASH}"),
        (1234.5, "1,234.50"),
        (-0.004, "0.00"),
        (-2.345, "\N{MINUS SIGN}2.35"),
    ],
)
def test_numbers_are_for_people(value: float | None, text: str) -> None:
    assert number(value) == text
    assert percent(0.1234) == "12.3 %"


@given(st.floats(-1e9, 1e9), st.integers(0, 4), st.booleans())
def test_a_number_reads_back(value: float, decimals: int, signed: bool) -> None:
    text = number(value, decimals, signed=signed)
    back = float(text.replace(",", "").replace("\N{MINUS SIGN}", "-"))
    assert back == pytest.approx(value, abs=0.5 * 10**-decimals + 1e-6)
    assert ("+" in text) == (signed and back > 0)


def test_groups_without_a_best_have_dashes_and_failures_a_column() -> None:
    evaluation = made.evaluation(made.faces(20, failures=5))
    table = summaries_table("By gender", "gender", evaluation.figures["by_group"]["gender"])
    assert table.head[:6] == ["gender", "faces", "failed", "MAE", "above best", "times best"]
    row = table.rows[0]
    assert (row[4].text, row[5].text, row[0].small) == ("\N{EN DASH}",) * 2 + ("few faces",)
    assert sum(int(row[2].text) for row in table.rows) == 5


def test_pictures_of_a_comparison_are_over_the_faces_of_its_verdict() -> None:
    frame = made.faces(200, failures=0)
    frame["predicted"] = frame["age"] + np.where(np.arange(200) < 80, 20.0, 4.0)
    easy = frame.assign(predicted=frame["predicted"].mask(np.arange(200) < 80))  # fails on the hard
    both = over_common_faces([made.evaluation(easy), made.evaluation(frame)])
    for each in both:
        assert len(each.predictions) == 120
        assert each.figures["cs_curve"]["5"] == each.figures["summary"]["cs5"] == 1
        assert each.figures["thresholds"]["n_over"] <= 120
    one = [made.evaluation(easy)]
    assert over_common_faces(one) is one
