"""Files that appear whole or not at all, and where facelage keeps what it downloads."""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable
from itertools import chain, count
from pathlib import Path
from urllib.parse import urlsplit

from facelage.errors import ChecksumError, DownloadError, MissingDependencyError


def write_atomically(path: str | os.PathLike[str], write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then move it into place.

    A reader sees the old content or the new, never a part; a crash leaves the
    old. The temporary name keeps the suffix, which some writers go by. A link is
    replaced, and what it points to left alone; pipes and devices (and what a shell has put in
    the place of ``/dev/stdout``) get the content when it is whole.
    """
    path = Path(path)
    opened = str(path.absolute()).startswith(("/dev/std", "/dev/fd/", "/proc/"))
    if path.exists() and not path.is_dir() and (opened or not path.is_file()):
        with tempfile.TemporaryDirectory() as folder:
            whole = Path(folder) / f"whole{path.suffix}"
            write(whole)
            with path.open("ab") as stream:
                stream.write(whole.read_bytes())
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not tempfile's: those are private, and the umask can't be asked for without changing it.
    temporary = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")
    try:
        temporary.touch(0o666, exist_ok=False)
        write(temporary)
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def different_names(names: Iterable[str], numbered: str = "{} ({})") -> list[str]:
    """The names, with a number behind those that occurred before, in whatever case."""
    taken: list[str] = []
    for name in names:
        others = (numbered.format(name, number) for number in count(2))
        lower = {other.lower() for other in taken}
        taken.append(next(each for each in chain([name], others) if each.lower() not in lower))
    return taken


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` atomically."""
    write_atomically(path, lambda temporary: temporary.write_bytes(data))


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` as UTF-8 to `path` atomically, with ``\\n`` line ends on every system."""
    write_bytes(path, text.encode("utf-8"))


def sha256(path: str | os.PathLike[str]) -> str:
    """The sha256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def cache_dir() -> Path:
    """Where downloads are kept: ``FACELAGE_CACHE``, or the user's cache folder."""
    if chosen := os.environ.get("FACELAGE_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "facelage"


def offline() -> bool:
    """Whether ``FACELAGE_OFFLINE`` forbids opening a socket."""
    return os.environ.get("FACELAGE_OFFLINE", "").lower() not in ("", "0", "false", "no")


def fetch(url: str, checksum: str, *, name: str | None = None, timeout: float = 10.0) -> Path:
    """The cached copy of `url`, downloaded once and only accepted with the right sha256.

    Parameters
    ----------
    url:
        An http, https or file address.
    checksum:
        The file's sha256 in hexadecimal.
    name:
        File name in the cache; the address's last part by default.
    timeout:
        Seconds to wait for the server to answer.

    Raises
    ------
    DownloadError
        If the file is not cached and can't be had, or ``FACELAGE_OFFLINE`` is set.
    ChecksumError
        If what arrived is not the pinned file; nothing is kept of it.
    MissingDependencyError
        If the file is not cached and ``pooch`` is not installed.
    """
    name = name or Path(urlsplit(url).path).name
    target = cache_dir() / name
    try:
        if target.is_file() and sha256(target) == checksum:
            return target
    except OSError as error:
        raise DownloadError(
            f"{name} is in the cache and can't be read",
            got=f"{target}: {error.strerror}",
            fix="let everybody read it (chmod a+r), or set FACELAGE_CACHE to another folder",
        ) from error
    if offline():
        raise DownloadError(
            f"{name} is not in the cache and FACELAGE_OFFLINE is set",
            got=str(target),
            fix=f"unset FACELAGE_OFFLINE once, or copy the file from {url} to that path",
        )
    try:
        import pooch
    except ImportError as error:
        raise MissingDependencyError(
            f"{name} can't be downloaded", got="no package 'pooch'", fix="pip install pooch"
        ) from error
    if urlsplit(url).scheme == "file":
        downloader = _copy_local
    else:
        downloader = pooch.HTTPDownloader(timeout=timeout)
    pooch.get_logger().setLevel("WARNING")
    scratch = f".{secrets.token_hex(8)}.{name}"
    try:
        # pooch downloads to a temporary file, compares the hash, then moves it.
        path = pooch.retrieve(
            url,
            known_hash=f"sha256:{checksum}",
            fname=scratch,
            path=target.parent,
            downloader=downloader,
        )
        # pooch's are for the user's own eyes; others may share a cache.
        write_bytes(target, Path(path).read_bytes())
    except Exception as error:  # requests, urllib3 and the OS each have their own
        # requests' errors about addresses are a ValueError too, and an OSError besides.
        if isinstance(error, ValueError) and not isinstance(error, OSError):
            raise ChecksumError(
                f"{name} is not the file that was expected",
                got=f"another sha256 from {url}",
                expected=checksum,
                fix="try again; if it stays, the source or the connection has been tampered with",
            ) from error
        raise DownloadError(
            f"{name} can't be downloaded",
            got=f"{type(error).__name__} from {url}: {str(error)[:200]}",
            fix=f"check the connection, or copy the file to {target}",
        ) from error
    finally:
        (target.parent / scratch).unlink(missing_ok=True)
    return target


def _copy_local(url: str, output_file: str | os.PathLike[str], _pooch: object) -> None:
    from urllib.request import url2pathname

    Path(output_file).write_bytes(Path(url2pathname(urlsplit(url).path)).read_bytes())
