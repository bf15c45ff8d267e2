from __future__ import annotations

import functools
import hashlib
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.errors import ChecksumError, DownloadError, MissingDependencyError
from facelage.files import (
    cache_dir,
    different_names,
    fetch,
    offline,
    sha256,
    write_atomically,
    write_bytes,
    write_text,
)

CONTENT = b"the model" * 1000
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its own name
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a local server with one file, ``model.bin``."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "model.bin").write_bytes(CONTENT)
    handler = functools.partial(Quiet, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as service:
        thread = threading.Thread(target=service.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{service.server_port}"
        service.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FACELAGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FACELAGE_OFFLINE", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache"


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_written_files_have_their_content_and_usual_permissions(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file.txt"
    write_text(path, "größer\n")
    assert path.read_bytes() == "größer\n".encode()
    (tmp_path / "usual").touch()
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert left_in(path.parent) == ["file.txt"]


def test_a_failing_writer_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    write_bytes(path, b"old")

    def fail(temporary: Path) -> None:
        temporary.write_bytes(b"half of the n")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_bytes() == b"old"
    assert left_in(tmp_path) == ["file.bin"]


def test_a_reader_sees_the_old_content_until_the_new_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    write_bytes(path, b"old")

    def slow(temporary: Path) -> None:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".csv"
        temporary.write_bytes(b"ne")
        assert path.read_bytes() == b"old"
        temporary.write_bytes(b"new")

    write_atomically(path, slow)
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(os.name == "nt", reason="Windows does not replace an open file")
def test_who_reads_the_old_file_reads_it_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    write_bytes(path, b"old content")
    with path.open("rb", buffering=0) as reader:
        assert reader.read(3) == b"old"
        write_bytes(path, b"new")
        assert reader.read() == b" content"


def test_threads_that_write_one_file_leave_one_whole_version(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    versions = [bytes([n]) * 100_000 for n in range(8)]
    threads = [threading.Thread(target=write_bytes, args=(path, data)) for data in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in versions
    assert left_in(tmp_path) == ["file.bin"]


def test_what_a_link_points_to_is_left_alone(tmp_path: Path) -> None:
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("somebody's")
    link.symlink_to(real)
    write_text(link, "new")
    assert (real.read_text(), link.read_text()) == ("somebody's", "new")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_a_pipe_gets_the_whole_and_stays_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe.csv").read_bytes()))
    reader.start()
    write_bytes(tmp_path / "pipe.csv", CONTENT)
    reader.join()
    assert read == [CONTENT]
    assert (tmp_path / "pipe.csv").is_fifo()
    assert left_in(tmp_path) == ["pipe.csv"]


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="no /dev/stdout")
def test_what_a_shell_has_redirected_stays_where_it_goes(tmp_path: Path) -> None:
    code = "from facelage.files import write_text as w; w('/dev/stdout', 'a\\n')"
    with (tmp_path / "out.txt").open("a") as out:
        out.write("before\n")
        out.flush()
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
        out.write("after\n")
    assert (tmp_path / "out.txt").read_text() == "before\na\nafter\n"


@given(st.lists(st.sampled_from(["a", "A", "a_2", "A_2", "a_3", "b", ""])))
def test_different_names_are_told_apart_by_every_file_system(names: list[str]) -> None:
    apart = different_names(names, "{}_{}")
    assert len({name.lower() for name in apart}) == len(names)
    for before, after in zip(names, apart, strict=True):
        assert after == before or after.rpartition("_")[0] == before
    first = {name.lower(): place for place, name in reversed(list(enumerate(apart)))}
    for place, name in enumerate(names):  # a free name is kept
        assert apart[place] == name or first[name.lower()] < place
    assert different_names(apart, "{}_{}") == apart


def test_sha256_is_the_standard_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    assert sha256(tmp_path / "file") == CHECKSUM


def test_cache_dir_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACELAGE_CACHE", "~/here")
    assert cache_dir() == Path.home() / "here"
    monkeypatch.delenv("FACELAGE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", os.sep + "xdg")
    assert cache_dir() == Path(os.sep) / "xdg" / "facelage"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    assert cache_dir() == Path.home() / ".cache" / "facelage"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", True), ("true", True), ("yes", True), ("", False), ("0", False), ("False", False)],
)
def test_offline_reads_the_switch(
    value: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACELAGE_OFFLINE", value)
    assert offline() is expected


def test_a_download_is_kept_and_not_repeated(server: str, cache: Path, tmp_path: Path) -> None:
    path = fetch(f"{server}/model.bin", CHECKSUM)
    assert path == cache / "model.bin"
    assert path.read_bytes() == CONTENT
    (tmp_path / "served" / "model.bin").unlink()
    assert fetch(f"{server}/model.bin", CHECKSUM) == path
    assert left_in(cache) == ["model.bin"]
    (tmp_path / "usual").touch()  # others may share the cache
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_cached_file_that_is_somebody_elses_is_named(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    write_bytes(cache / "model.bin", CONTENT)
    monkeypatch.setattr("facelage.files.sha256", forbidden)
    with pytest.raises(DownloadError, match=r"can't be read; got: .*model\.bin: Permission denied"):
        fetch("https://example.org/model.bin", CHECKSUM)


def test_a_file_address_works_and_the_name_can_be_chosen(cache: Path, tmp_path: Path) -> None:
    source = tmp_path / "a model.bin"
    source.write_bytes(CONTENT)
    path = fetch(source.as_uri(), CHECKSUM, name="other.bin")
    assert path == cache / "other.bin"
    assert path.read_bytes() == CONTENT


def test_a_wrong_checksum_keeps_nothing(server: str, cache: Path) -> None:
    with pytest.raises(ChecksumError, match=r"model.bin is not the file .* expected: 0000"):
        fetch(f"{server}/model.bin", "0" * 64)
    assert left_in(cache) == []


def test_a_spoilt_cache_is_replaced(server: str, cache: Path) -> None:
    write_bytes(cache / "model.bin", CONTENT[:100])
    assert fetch(f"{server}/model.bin", CHECKSUM).read_bytes() == CONTENT
    assert left_in(cache) == ["model.bin"]


@pytest.mark.parametrize(
    "address",
    [
        "{server}/absent.bin",
        "http://127.0.0.1:1/absent.bin",  # nobody listens there
        "nonsense://127.0.0.1/absent.bin",
        "file:///no/such/absent.bin",
    ],
)
def test_what_cannot_be_had_is_a_download_error(address: str, server: str, cache: Path) -> None:
    with pytest.raises(DownloadError, match=r"absent\.bin can't be downloaded"):
        fetch(address.format(server=server), CHECKSUM)
    assert left_in(cache) == []


def test_offline_uses_the_cache_and_opens_no_socket(
    server: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACELAGE_OFFLINE", "1")

    def no_socket(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr("socket.socket.connect", no_socket)
    with pytest.raises(DownloadError, match=r"FACELAGE_OFFLINE is set.*model\.bin"):
        fetch(f"{server}/model.bin", CHECKSUM)
    write_bytes(cache / "model.bin", CONTENT)
    assert fetch(f"{server}/model.bin", CHECKSUM).read_bytes() == CONTENT


def test_without_pooch_the_error_names_it(
    server: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(MissingDependencyError, match="pip install pooch"):
        fetch(f"{server}/model.bin", CHECKSUM)
