"""Every error that facelage raises on purpose: one hierarchy, one message format.

Each error says what was found, what was expected and how to fix it, so that a
caller may show ``str(error)`` to a user as it is. Errors that Python's own
vocabulary has a name for inherit from that name too (``except ValueError`` and
``except FileNotFoundError`` go on working).
"""

from __future__ import annotations


class FacelageError(Exception):
    """Base of every error raised by facelage.

    Parameters
    ----------
    problem:
        What is wrong, in a few words.
    got:
        What was found.
    expected:
        What would have been right.
    fix:
        What the caller can do about it.
    """

    def __init__(self, problem: str, *, got: str = "", expected: str = "", fix: str = "") -> None:
        self.problem = problem
        self.got = got
        self.expected = expected
        self.fix = fix
        details = [
            f"{name}: {text}"
            for name, text in (("got", got), ("expected", expected), ("fix", fix))
            if text
        ]
        super().__init__("; ".join([problem, *details]))

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments are lost by Exception's own pickling, and errors
        # travel back from the worker processes of `prepare`.
        return (_rebuild, (type(self), self.problem, self.got, self.expected, self.fix))


def _rebuild(
    kind: type[FacelageError], problem: str, got: str, expected: str, fix: str
) -> FacelageError:
    return kind(problem, got=got, expected=expected, fix=fix)


class ImageError(FacelageError, ValueError):
    """An image can't be used."""


class ImageNotFoundError(ImageError, FileNotFoundError):
    """There is no file at the given path."""


class UnreadableImageError(ImageError):
    """The bytes are not a complete image of a supported format."""


class ImageTooLargeError(ImageError):
    """The header announces more pixels than the limit allows."""


class InvalidArrayError(ImageError):
    """An array or tensor does not describe an image (shape, dtype or values)."""


class VideoError(FacelageError, ValueError):
    """A video can't be opened, read to its end or written."""


class VideoNotFoundError(VideoError, FileNotFoundError):
    """There is no video at the given path."""


class DetectorError(FacelageError):
    """A face detector is unknown, or can't run here."""


class MissingDependencyError(FacelageError, ImportError):
    """An optional package is needed and not installed."""


class DownloadError(FacelageError):
    """A file could not be fetched, or fetching is switched off."""


class ChecksumError(FacelageError):
    """A file's sha256 is not the one that was pinned."""


class WorkerError(FacelageError):
    """A worker process died."""


class ManifestError(FacelageError, ValueError):
    """A manifest is missing columns, holds impossible values or points outside its folder."""


class ConfigError(FacelageError, ValueError):
    """A setting is unknown or out of range."""


class WeightsError(FacelageError):
    """Weights are unknown, broken or do not fit the model."""


class CheckpointError(FacelageError):
    """A training checkpoint is missing, broken or belongs to another run."""


class TrainingDivergedError(FacelageError, ArithmeticError):
    """The loss stopped being a finite number."""


class ExportError(FacelageError):
    """An exported model does not agree with the model it comes from, or can't come from it."""


class FacelageWarning(UserWarning):
    """Base of every warning that facelage issues."""


class DetectorFallbackWarning(FacelageWarning):
    """The default face detector is not at hand and a weaker one runs instead."""
