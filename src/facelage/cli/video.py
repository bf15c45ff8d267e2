"""``facelage video``: the ages of the faces in a video."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from facelage.cli.options import detector_option, echo_file, progress_option, table
from facelage.errors import ConfigError, VideoError

if TYPE_CHECKING:
    from facelage.data.images import UInt8Image
    from facelage.infer import TrackedFace, VideoFrame


#: Seconds that a frame may come before or after its time, and a gap that is none of the film's.
_DRIFT, _LEAP = 0.5, 30.0


@click.command("video")
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="File for every age.")
@click.option("--smoothing", default=10.0, show_default=True, help="Seconds; 0 for none.")
@click.option(
    "--detect-every", default=1, show_default=True, help="Look for faces in every n-th frame."
)
@click.option("--stride", default=1, show_default=True, help="Keep every n-th frame only.")
@click.option("--ids", is_flag=True, help="Labels show which face is which.")
@click.option("--codec", help="Four letters, such as avc1.  [default: by the suffix of OUT]")
@click.option("--model", help="Name of the weights, or an .onnx file.  [default: newest]")
@detector_option
@click.option("--threads", type=int, help="CPU threads of the network.")
@progress_option
def command(
    source: Path,
    target: Path,
    csv_file: Path | None,
    smoothing: float,
    detect_every: int,
    stride: int,
    ids: bool,
    codec: str | None,
    model: str | None,
    detector: str | None,
    threads: int | None,
    progress: bool,
) -> None:
    """Write the video IN to OUT with the age of every face, and print each face's age.

    Faces are followed, and ages smoothed over time. OUT ends in .mp4, .m4v,
    .mov, .mkv, .avi or .webm; it has no sound.

    Exit code 0 if every frame could be read, else 3.
    """
    from facelage.files import write_atomically
    from facelage.infer import AgePredictor, predict_video
    from facelage.infer.video import save_video, video_info
    from facelage.infer.video.writer import check_format

    check_format(target, codec)
    info = video_info(source)
    if target.resolve() == source.resolve():
        raise ConfigError("OUT is IN", got=str(target), fix="give OUT another name")
    if csv_file is not None and csv_file.resolve() in (source.resolve(), target.resolve()):
        raise ConfigError(
            "the ages' file is a video", got=f"--csv {csv_file}", fix="give it a name of its own"
        )
    predictor = AgePredictor.from_pretrained(model, detector=detector, threads=threads)
    frames = predict_video(
        source, predictor, smoothing=smoothing, detect_every=detect_every, stride=stride
    )
    if progress:
        from tqdm import tqdm

        total = -(-info.frames // stride) if info.frames else None
        frames = iter(tqdm(frames, total=total, unit="frame", desc="video"))
    log = _Log()

    def write(rows: TextIO | None) -> None:
        watched = log.watch(frames, rows)
        fps = info.fps / stride
        save_video(target, _drawn(watched, ids, fps), fps=fps, codec=codec)

    if csv_file is None:
        write(None)
    else:

        def write_both(temporary: Path) -> None:
            with temporary.open("w", newline="", encoding="utf-8") as rows:
                write(rows)

        write_atomically(csv_file, write_both)
        echo_file(csv_file)
    echo_file(target)
    if log.people:
        click.echo(log.table())
    else:
        click.echo("no face was found", err=True)
    if log.errors:
        problems = ", ".join(f"{count} x {text}" for text, count in log.errors.most_common())
        click.echo(f"of {log.frames} frames: {problems}", err=True)
        sys.exit(3)


def _drawn(frames: Iterable[VideoFrame], ids: bool, fps: float) -> Iterator[UInt8Image]:
    """The frames as they are written; in place of one that can't be read, the one before.

    An uneven rate is evened out, but no frame comes further than `_DRIFT` from its time: frames
    are repeated or left out to keep to it. Times that leap by more than `_LEAP` start anew.
    """
    drawn: UInt8Image | None = None
    ahead, before = 0.0, 0.0  # seconds that the written frames take beyond the film's time
    for frame in frames:
        passed, before = frame.time - before, frame.time
        ahead -= 1 / fps if passed > _LEAP else passed
        # A VideoError tells of the end, which is no frame.
        if isinstance(frame.error, VideoError):
            continue
        while drawn is not None and ahead < -_DRIFT:
            yield drawn
            ahead += 1 / fps
        if frame.image is not None and (drawn is None or ahead <= _DRIFT):
            drawn = frame.annotate(ids=ids)
        if drawn is not None and ahead <= _DRIFT:
            yield drawn
            ahead += 1 / fps


@dataclass
class _Person:
    """When a face was there, and its age in the end."""

    first: float
    last: float
    frames: int
    age: float


class _Log:
    """What the command prints when it is done; rows of the CSV go out at once."""

    NAMES = ("frame", "time", "track", "age", "raw_age", "left", "top", "right", "bottom", "score")

    def __init__(self) -> None:
        self.people: dict[int, _Person] = {}
        self.errors: Counter[str] = Counter()
        self.frames = 0

    def watch(self, frames: Iterable[VideoFrame], rows: TextIO | None) -> Iterator[VideoFrame]:
        writer = csv.DictWriter(rows, self.NAMES, lineterminator="\n") if rows else None
        if writer:
            writer.writeheader()
        for frame in frames:
            self.frames += 1
            if frame.error is not None:
                self.errors[frame.error.problem] += 1
            for face in frame.faces:
                self._note(face, frame.time)
                if writer:
                    writer.writerow(self._row(frame, face))
            yield frame

    def _note(self, face: TrackedFace, time: float) -> None:
        person = self.people.setdefault(face.track, _Person(time, time, 0, face.age))
        person.last, person.frames, person.age = time, face.frames, face.age

    def _row(self, frame: VideoFrame, face: TrackedFace) -> dict[str, object]:
        told = face.to_dict()
        edges = dict(zip(("left", "top", "right", "bottom"), told["box"], strict=True))
        plain = {name: told[name] for name in ("track", "age", "raw_age", "score")}
        return {"frame": frame.index, "time": round(frame.time, 3), **plain, **edges}

    def table(self) -> str:
        return table(
            [
                {
                    "face": str(track),
                    "age": f"{person.age:.1f}",
                    "from": _clock(person.first),
                    "to": _clock(person.last),
                    "frames": str(person.frames),
                }
                for track, person in sorted(self.people.items())
            ]
        )


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds, 1), 60)
    return f"{minutes:.0f}:{seconds:04.1f}"
