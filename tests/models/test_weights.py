from __future__ import annotations

import dataclasses
import functools
import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from facelage.data.align import CropSpec
from facelage.errors import ChecksumError, DownloadError, WeightsError
from facelage.models import WeightsEntry, get_weights, list_models, weights
from facelage.models.weights import describe_file, read_entry

CONTENT = b"pretend these are weights"


def make_entry(folder: Path, name: str = "age_prediction_1.2.3", url: str = "") -> WeightsEntry:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.onnx"
    file.write_bytes(CONTENT)
    return WeightsEntry(
        name=name,
        architecture="mobilenet_v2",
        crop=CropSpec(size=96),
        files={"onnx": describe_file(file, url)},
        licence="research only — ask",
        training_data="24 squares",
        metrics={"squares, test": {"n": 8, "mae": 1.5}},
        limits="knows no faces",
        folder=folder,
    )


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(weights, "SHIPPED", folder)
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("FACELAGE_CACHE", str(folder))
    monkeypatch.delenv("FACELAGE_OFFLINE", raising=False)
    return folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address on this machine that serves it."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def test_an_entry_survives_its_file(tmp_path: Path) -> None:
    entry = make_entry(tmp_path)
    path = entry.save()
    assert path.name == "age_prediction_1.2.3.json"
    assert read_entry(path) == entry
    assert read_entry(str(path)).to_json() == entry.to_json()


def test_the_file_beside_the_entry_is_found(tmp_path: Path) -> None:
    entry = make_entry(tmp_path)
    assert entry.path("onnx") == entry.path() == tmp_path / "age_prediction_1.2.3.onnx"


def test_a_changed_file_is_refused_even_after_it_was_accepted(tmp_path: Path) -> None:
    entry = make_entry(tmp_path)
    path = entry.path()
    path.write_bytes(CONTENT[::-1])
    os.utime(path, ns=(1, 1))
    with pytest.raises(ChecksumError, match="not the one its entry names"):
        entry.path()
    path.write_bytes(CONTENT)
    os.utime(path, ns=(2, 2))
    assert entry.path() == path


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no safetensors file; got: safetensors; expected: onnx"):
        make_entry(tmp_path).path("safetensors")


def test_a_missing_file_without_an_address_is_a_named_error(tmp_path: Path) -> None:
    entry = make_entry(tmp_path)
    entry.path().unlink()
    with pytest.raises(WeightsError, match="file is missing"):
        entry.path()


def moved(entry: WeightsEntry, folder: Path, url: str) -> WeightsEntry:
    """The entry, with its file in `folder` only and an address for it."""
    name = entry.files["onnx"].file
    folder.mkdir(exist_ok=True)
    (entry.folder / name).replace(folder / name)
    return dataclasses.replace(
        entry, files={"onnx": dataclasses.replace(entry.files["onnx"], url=url)}
    )


def test_a_missing_file_is_fetched_once(
    tmp_path: Path, cache: Path, server: tuple[Path, str]
) -> None:
    folder, address = server
    entry = moved(make_entry(tmp_path / "e"), folder, f"{address}/age_prediction_1.2.3.onnx")
    path = entry.path()
    assert path == cache / "age_prediction_1.2.3.onnx"
    assert path.read_bytes() == CONTENT
    (folder / path.name).unlink()
    assert entry.path() == path
    assert [found.name for found in cache.iterdir()] == [path.name]


def test_a_file_address_works_too(tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "with space"
    entry = moved(make_entry(tmp_path / "e"), folder, "")
    url = (folder / entry.files["onnx"].file).as_uri()
    entry = dataclasses.replace(
        entry, files={"onnx": dataclasses.replace(entry.files["onnx"], url=url)}
    )
    assert entry.path().read_bytes() == CONTENT


def test_a_download_that_is_another_file_is_refused_and_not_kept(
    tmp_path: Path, cache: Path, server: tuple[Path, str]
) -> None:
    folder, address = server
    entry = moved(make_entry(tmp_path / "e"), folder, f"{address}/age_prediction_1.2.3.onnx")
    (folder / "age_prediction_1.2.3.onnx").write_bytes(b"something else")
    with pytest.raises(ChecksumError, match="not the file that was expected"):
        entry.path()
    assert not cache.exists() or not list(cache.iterdir())


def test_an_address_that_does_not_answer_is_a_named_error(
    tmp_path: Path, cache: Path, server: tuple[Path, str]
) -> None:
    folder, address = server
    entry = moved(make_entry(tmp_path / "e"), folder, f"{address}/nowhere.onnx")
    with pytest.raises(DownloadError, match="can't be downloaded"):
        entry.path()


def test_offline_nothing_is_fetched(
    tmp_path: Path, cache: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = server
    entry = moved(make_entry(tmp_path / "e"), folder, f"{address}/age_prediction_1.2.3.onnx")
    monkeypatch.setenv("FACELAGE_OFFLINE", "1")
    with pytest.raises(DownloadError, match="FACELAGE_OFFLINE is set"):
        entry.path()
    monkeypatch.delenv("FACELAGE_OFFLINE")
    entry.path()
    monkeypatch.setenv("FACELAGE_OFFLINE", "1")
    assert entry.path().read_bytes() == CONTENT  # from the cache


def test_models_are_listed_oldest_first(shipped: Path) -> None:
    names = ["0.9.0", "0.10.0", "1.2.0", "1.10.0", "1.10.0-int8", "2.0.0-int8"]
    for version in reversed(names):
        make_entry(shipped, f"age_prediction_{version}").save()
    (shipped / "other.json").write_text("{}")
    assert list_models() == [f"age_prediction_{version}" for version in names]


def test_the_newest_plain_weights_are_the_default(shipped: Path) -> None:
    for version in ("1.9.0", "1.10.0", "1.10.0-int8", "2.0.0-int8"):
        make_entry(shipped, f"age_prediction_{version}").save()
    assert get_weights().name == "age_prediction_1.10.0"
    assert get_weights("age_prediction_1.9.0").name == "age_prediction_1.9.0"
    assert get_weights("age_prediction_2.0.0-int8").folder == shipped


def test_an_entry_of_ones_own_is_read_from_its_file(shipped: Path, tmp_path: Path) -> None:
    entry = make_entry(tmp_path / "mine", "my_model")
    path = entry.save()
    assert get_weights(path) == get_weights(str(path)) == entry


def test_weights_that_are_not_there_are_named_errors(shipped: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weights are installed"):
        get_weights()
    make_entry(shipped).save()
    with pytest.raises(WeightsError, match=r"got: 'nope'; expected: age_prediction_1\.2\.3"):
        get_weights("nope")
    with pytest.raises(WeightsError, match="can't be read"):
        get_weights(tmp_path / "nope.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": []}', "\xff"])
def test_what_is_no_entry_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "age_prediction_1.0.0.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(WeightsError, match="entry can't be read"):
        read_entry(path)


@pytest.mark.parametrize("change", [{"files": []}, {"files": {"onnx": {}}}, {"crop": 3}])
def test_an_entry_with_a_wrong_part_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    path = make_entry(tmp_path).save()
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change))
    with pytest.raises(WeightsError, match="can't be read"):
        read_entry(path)


@pytest.mark.parametrize("name", ["../evil.onnx", "/etc/passwd", "a/b.onnx", "..", "", "a\\b.onnx"])
def test_an_entry_cannot_name_files_elsewhere(name: str, tmp_path: Path) -> None:
    path = make_entry(tmp_path).save()
    plain = json.loads(path.read_text("utf-8"))
    plain["files"]["onnx"]["file"] = name
    path.write_text(json.dumps(plain))
    with pytest.raises(WeightsError, match="not a bare file name"):
        read_entry(path)


def test_the_shipped_entries_keep_their_promise() -> None:
    for name in list_models():
        entry = get_weights(name)
        assert entry.name == name
        assert entry.licence
        assert entry.training_data
        assert entry.metrics
        for kind, file in entry.files.items():
            assert file.url or entry.path(kind).stat().st_size == file.bytes
