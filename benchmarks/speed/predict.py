"""How fast facelage is, beside plain torch, the naive pipeline and other projects, in one run.

    python benchmarks/speed/predict.py ../shared [--weights FOLDER ...]

SHARED holds `data/frl_london` and `peers/`; more folders of peers' weights follow
--weights (benchmarks/accuracy/peers/README.md says how to fill them). Everything
that is compared runs in turn, round by round, on one thread unless a row says
otherwise; leave the machine's cores idle. Prints Markdown tables, and writes them with
every round's time to --out as speed.md and speed.json. --only takes some of the parts.
"""

# ruff: noqa: E402 - the number of threads is set before NumPy is imported
from __future__ import annotations

import os

# Before NumPy and torch are loaded: their matrix libraries would take all cores.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import json
import platform
import tempfile
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import torch
from parts import others, own, start
from parts.photos import Photos, make_photos
from parts.timing import Section, interleaved, markdown, plain

import facelage
from facelage.data.detect import FaceDetector, YuNetDetector
from facelage.files import write_text
from facelage.infer.parallel import usable_cores
from facelage.infer.session import AgeSession
from facelage.models.weights import get_weights

PARTS = ("crops", "photo", "large", "folder", "start", "peers", "peak")


def machine() -> list[str]:
    """What ran: the processor and the versions."""
    names = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text().splitlines()
        names = next((line.partition(": ")[2] for line in lines if "model name" in line), names)
    return [
        f"{names}, {usable_cores()} core(s) for this process",
        f"Python {platform.python_version()}, facelage {facelage.__version__}, "
        f"NumPy {np.__version__}, OpenCV {cv2.__version__}, "
        f"ONNX Runtime {onnxruntime.__version__}, torch {torch.__version__}",
    ]


def model_file(given: str | None) -> Path:
    """An .onnx file, or that of a name; of the newest weights for None."""
    if given and given.endswith(".onnx"):
        return Path(given)
    return get_weights(given).path("onnx")


def start_section(models: dict[str, Path], photos: Photos, rounds: int) -> Section:
    """Cold start, imports, memory and bytes."""
    photo, path = photos.portraits[0], next(iter(models.values()))
    notes = [
        f"{name}: at most {start.peak_memory(file, photo):.0f} MB in memory for one photo."
        for name, file in models.items()
    ]
    sizes = start.bytes_on_disk(list(models.values()))
    notes += [f"{name}: {size / 1e6:.2f} MB on disk." for name, size in sizes.items()]
    ms = interleaved(start.start_jobs(path, photo), rounds)
    return Section("Processes: start, import, memory, disk", ms, {}, notes)


def measure(
    chosen: list[str],
    paths: dict[str, Path],
    detector: FaceDetector,
    photos: Photos,
    folders: list[Path],
    rounds: int,
) -> list[Section]:
    """The chosen parts, in their order."""
    models = {name: AgeSession(path, threads=1) for name, path in paths.items()}
    # The fastest that there is: what a user in a hurry takes.
    best = list(models.values())[-1]
    cores = usable_cores()
    sections: list[Section] = []
    for part in chosen:
        print(f"measuring: {part}", flush=True)
        if part == "crops":
            sections.append(own.crops_section(models, photos, rounds))
        elif part == "photo":
            sections.append(own.photo_section(models, detector, photos, rounds))
        elif part == "large":
            sections.append(own.large_section(models, detector, photos, rounds))
        elif part == "folder":
            sections.append(own.folder_section(best, detector, photos, rounds, cores))
        elif part == "start":
            sections.append(start_section(paths, photos, rounds))
        elif part == "peers":
            sections += others.peers_sections(best, detector, photos, folders, rounds)
        else:
            sections.append(own.peak_section(paths, photos, rounds))
    return sections


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("shared", type=Path)
    parser.add_argument("--model", help="facelage's weights: a name or an .onnx file")
    parser.add_argument("--int8", help="its int8 sibling: a name or an .onnx file")
    parser.add_argument("--weights", type=Path, action="append", default=[], help="peers' weights")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--photos", type=int, default=64, help="photos of the folder")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--out", type=Path, default=Path("speed"))
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)

    path = model_file(arguments.model)
    paths = {"fp32": path, "int8": model_file(arguments.int8 or f"{AgeSession(path).name}-int8")}
    detector = YuNetDetector()
    with tempfile.TemporaryDirectory() as folder:
        photos = make_photos(
            arguments.shared / "data" / "frl_london",
            Path(folder),
            detector,
            AgeSession(path, threads=1).crop,
            arguments.photos,
        )
        folders = [arguments.shared / "peers", *arguments.weights]
        sections = measure(
            arguments.only, paths, detector, photos, folders, max(1, arguments.rounds)
        )
    text = "# Speed\n\n" + "".join(f"{line}  \n" for line in machine()) + "\n" + markdown(sections)
    write_text(arguments.out / "speed.md", text)
    figures = {"machine": machine(), "rounds": arguments.rounds, "sections": plain(sections)}
    write_text(arguments.out / "speed.json", json.dumps(figures, indent=2) + "\n")
    print(text)


if __name__ == "__main__":
    main()
