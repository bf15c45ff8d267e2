from __future__ import annotations

import itertools
import math
import string
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facelage.data.manifest import COLUMNS, Manifest, concat, format_numbers, from_records
from facelage.errors import ManifestError
from facelage.files import write_text

# What may be in a file's name, however odd; no surrogates and no null.
odd = st.text(
    st.one_of(
        st.sampled_from("\",;'\n\r\t \\#äß顔😀"),
        st.characters(codec="utf-8", exclude_characters="\0"),
    ),
    min_size=1,
    max_size=8,
)
text = st.one_of(st.just(""), odd, st.sampled_from(["NA", "nan", "None", "007", "1e5", " x "]))
records = st.lists(
    st.fixed_dictionaries(
        {
            "path": odd,
            "age": st.one_of(st.none(), st.floats(-10, 3000), st.integers(0, 122).map(float)),
            "group": text,
            "split": st.sampled_from(["", "train", "val", "test"]),
            "reason": text,
            "subject": text,
        }
    ),
    min_size=1,
    max_size=5,
)


@example([{"path": "a\rb", "age": 1.0, "reason": "c\r\nd"}], ".csv")
@given(records, st.sampled_from([".csv", ".parquet", ".CSV"]))
def test_saved_manifests_come_back_unchanged(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], suffix: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    before = from_records(rows, folder)
    before.save(folder / f"table{suffix}")
    after = Manifest.load(folder / f"table{suffix}")
    pd.testing.assert_frame_equal(after.frame, before.frame, check_exact=True)
    assert after.root == folder
    assert list(after.frame["path"]) == [row["path"] for row in rows]


def test_a_csv_is_plain_and_the_same_on_every_system(tmp_path: Path) -> None:
    from_records([{"path": "a, b.jpg", "age": 30.5, "note": "x"}], tmp_path).save(
        tmp_path / "m.csv"
    )
    assert (tmp_path / "m.csv").read_bytes() == (
        b"path,age,group,split,status,reason,crop,box,landmarks,detector,sha256,phash,note\n"
        b'"a, b.jpg",30.5,,,ok,,,,,,,,x\n'
    )


def test_all_columns_are_there_in_order_and_others_are_kept() -> None:
    frame = pd.DataFrame({"photo": [1, 2], "status": ["ok", ""], "path": ["a", "b"]})
    manifest = Manifest(frame, Path())
    assert list(manifest.frame.columns) == [*COLUMNS, "photo"]
    assert manifest.frame["status"].tolist() == ["ok", "ok"]
    assert np.isnan(manifest.ages()).all()
    assert list(frame.columns) == ["photo", "status", "path"]
    assert len(manifest) == 2


def test_an_empty_manifest_is_one(tmp_path: Path) -> None:
    empty = from_records([], tmp_path)
    empty.save(tmp_path / "manifest.csv")
    assert len(Manifest.load(tmp_path)) == 0
    assert Manifest.load(tmp_path).locate() == []


def test_csv_from_a_spreadsheet_is_read(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes("\ufeffpath,age,group\r\nä.jpg, 30 ,007\r\n".encode())
    frame = Manifest.load(tmp_path / "m.csv").frame
    assert frame.loc[0, ["path", "age", "group"]].tolist() == ["ä.jpg", 30.0, "007"]


def test_usable_rows_are_the_ok_ones_of_a_split() -> None:
    manifest = from_records(
        [
            {"path": "a", "split": "train"},
            {"path": "b", "split": "val"},
            {"path": "c", "split": "train", "status": "no_face"},
        ],
        ".",
    )
    assert manifest.usable().frame["path"].tolist() == ["a", "b"]
    assert manifest.usable("train").frame["path"].tolist() == ["a"]
    assert manifest.usable("val").frame.index.tolist() == [0]
    assert len(manifest.usable("test")) == 0
    with pytest.raises(ManifestError, match="got: 'dev'; expected: train, val, test"):
        manifest.usable("dev")


@pytest.mark.parametrize("path", ["../b.jpg", "../../etc/passwd", "/etc/passwd", "a/../../b.jpg"])
def test_paths_that_leave_the_folder_are_refused(path: str, tmp_path: Path) -> None:
    manifest = from_records([{"path": "fine.jpg"}, {"path": path}], tmp_path / "folder")
    with pytest.raises(ManifestError, match=r"row 2 points outside .*--root"):
        manifest.locate()


def test_dates_are_no_ages() -> None:
    frame = pd.DataFrame({"path": ["a"], "age": [pd.Timestamp("1990-05-14")]})
    with pytest.raises(ManifestError, match="the ages are dates; got: 1990-05-14"):
        Manifest(frame, Path())


def test_a_link_in_the_folder_may_lead_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir(), (tmp_path / "photos").mkdir()
    (tmp_path / "raw" / "a.jpg").write_bytes(b"a face")
    (tmp_path / "photos" / "34.jpg").symlink_to(tmp_path / "raw" / "a.jpg")
    (tmp_path / "here").symlink_to(tmp_path / "photos")
    for root in (tmp_path / "photos", tmp_path / "here"):
        for text in ("34.jpg", "x/../34.jpg"):
            (located,) = from_records([{"path": text}], root).locate()
            assert located.read_bytes() == b"a face"
        with pytest.raises(ManifestError, match="outside"):
            from_records([{"path": "../raw/a.jpg"}], root).locate()
    # However an absolute path spells the root.
    (tmp_path / "photos" / "plain.jpg").write_bytes(b"a face")
    (tmp_path / "above").symlink_to(tmp_path)
    folders = (tmp_path / "photos", tmp_path / "here", tmp_path / "above" / "photos")
    for root, folder in itertools.product(folders, repeat=2):
        (located,) = from_records([{"path": str(folder / "plain.jpg")}], root).locate()
        assert located.read_bytes() == b"a face"


@given(st.lists(st.text(string.ascii_letters + ". -ä", min_size=1), min_size=1, max_size=5))
def test_located_paths_lie_in_the_folder_or_are_refused(parts: list[str]) -> None:
    root = Path("some/root").resolve()
    try:
        (found,) = from_records([{"path": "/".join(parts)}], "some/root").locate()
    except ManifestError:
        assert any(part.strip(".") == "" for part in parts)
        return
    assert found.is_absolute()
    assert found.is_relative_to(root)


@pytest.mark.parametrize(("column", "fix"), [("path", "name the file"), ("crop", "prepare")])
def test_empty_cells_are_named(column: str, fix: str) -> None:
    with pytest.raises(ManifestError, match=f"row 1 has no {column}.*{fix}"):
        from_records([{"path": ""}], ".").locate(column)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,age\na,1\n", r"no column 'path'; got: file, age; fix: .*--path-column"),
        ("path;age\na;1\n", "no column 'path'; got: path;age"),
        ("path,age\na,3\nb,old\n", "row 2 has an age that is not a number; got: 'old'"),
        ("path,split\na,dev\n", "unknown split; got: dev; expected: train, val, test or empty"),
        ("", "can't be read"),
        ('path\n"a', "can't be read"),
    ],
)
def test_bad_tables_are_named(content: str, message: str, tmp_path: Path) -> None:
    write_text(tmp_path / "m.csv", content)
    with pytest.raises(ManifestError, match=message):
        Manifest.load(tmp_path / "m.csv")


def test_bad_files_are_named(tmp_path: Path) -> None:
    manifest = from_records([{"path": "a"}], tmp_path)
    with pytest.raises(ManifestError, match=r"got: m\.xlsx; expected: .*\.csv or \.parquet"):
        manifest.save(tmp_path / "m.xlsx")
    with pytest.raises(ManifestError, match=r"no such manifest.*absent\.csv"):
        Manifest.load(tmp_path / "absent.csv")
    with pytest.raises(ManifestError, match=r"holds no manifest.*facelage prepare"):
        Manifest.load(tmp_path)
    (tmp_path / "m.txt").touch()
    with pytest.raises(ManifestError, match="unknown manifest format"):
        Manifest.load(tmp_path / "m.txt")
    (tmp_path / "m.parquet").write_text("no")
    with pytest.raises(ManifestError, match="can't be read"):
        Manifest.load(tmp_path / "m.parquet")


def test_names_that_are_not_utf8_are_named() -> None:
    with pytest.raises(ManifestError, match=r"not valid UTF-8.*got: 'caf\\udce9.*rename"):
        from_records([{"path": "fine"}, {"path": "caf\udce9.jpg"}], ".")


def test_a_folder_or_another_root_may_be_given(tmp_path: Path) -> None:
    from_records([{"path": "a"}], tmp_path).save(tmp_path / "manifest.parquet")
    assert Manifest.load(tmp_path).locate() == [tmp_path.resolve() / "a"]
    other = Manifest.load(tmp_path, root=tmp_path / "photos")
    assert other.locate() == [tmp_path.resolve() / "photos" / "a"]


def test_joined_manifests_keep_their_files_and_keep_subjects_apart(tmp_path: Path) -> None:
    one = from_records([{"path": "x/1", "crop": "c/1", "group": "ann"}], tmp_path / "one")
    two = from_records(
        [{"path": "2", "group": "ann", "note": "n"}, {"path": "3"}], tmp_path / "sub" / "two"
    )
    joined = concat([one, two])
    assert joined.root == tmp_path.resolve()
    assert joined.locate() == [*one.locate(), *two.locate()]
    assert joined.frame["crop"].tolist() == ["one/c/1", "", ""]
    assert joined.frame["group"].tolist() == ["one:ann", "sub/two:ann", ""]
    assert joined.frame["source"].tolist() == ["one", "sub/two", "sub/two"]
    assert joined.frame["note"].fillna("").tolist() == ["", "n", ""]
    assert one.frame["path"].tolist() == ["x/1"]
    assert concat([one]) is one
    with pytest.raises(ManifestError, match="nothing to join"):
        concat([])


@given(st.lists(st.floats(-1e5, 1e5), max_size=10))
def test_numbers_in_cells_are_readable_to_a_hundredth(numbers: list[float]) -> None:
    found = [float(word) for word in format_numbers(numbers).split()]
    assert all(math.isclose(a, b, abs_tol=0.0051) for a, b in zip(found, numbers, strict=True))


def test_commas_at_the_ends_of_rows_shift_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,age,gender\n010.png,10,f,,\n020.png,20,,,\n")
    frame = Manifest.load(tmp_path / "t.csv").frame
    assert frame[["path", "age", "gender"]].to_numpy().tolist() == [
        ["010.png", 10.0, "f"],
        ["020.png", 20.0, ""],
    ]


def test_rows_with_more_cells_than_the_heading_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,age\na.png,10,x\nb.png,20,\n")
    with pytest.raises(ManifestError, match="more cells than the heading"):
        Manifest.load(tmp_path / "t.csv")


@pytest.mark.parametrize(
    "ids",
    [pd.array([1, None], "Int64"), pd.Categorical(["1", None]), pd.array(["1", None], "string")],
)
def test_missing_ids_of_any_type_are_empty(ids: Any, tmp_path: Path) -> None:
    frame = pd.DataFrame({"path": ["a.png", "b.png"], "age": [1.0, 2.0], "group": ids})
    assert list(Manifest(frame, tmp_path).frame["group"]) == ["1", ""]
