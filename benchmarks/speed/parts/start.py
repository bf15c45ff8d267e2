"""What a process costs: time to the first age, time to import, memory, bytes on disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import facelage
from facelage.data.detect import find_yunet

from .timing import Job

# ru_maxrss would begin with the peak of the process that started this one.
_MEMORY = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
_FIRST_AGE = """
import sys
from facelage import AgePredictor
predictor = AgePredictor.from_pretrained(sys.argv[1], threads=1)
assert predictor.predict(sys.argv[2])
"""


def run_python(code: str, *arguments: object) -> str:
    """What a fresh Python prints; it finds the same facelage as this one."""
    source = str(Path(facelage.__file__).parents[1])
    env = {**os.environ, "PYTHONPATH": source}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout


def start_jobs(model: Path, photo: Path) -> list[Job]:
    """Processes to time, from their start to their end."""
    return [
        Job("Python alone", lambda: run_python("pass")),
        Job("import facelage", lambda: run_python("import facelage")),
        Job("import NumPy, OpenCV and ONNX Runtime", lambda: run_python("import cv2, onnxruntime")),
        Job("process start to first age", lambda: run_python(_FIRST_AGE, model, photo)),
    ]


def peak_memory(model: Path, photo: Path) -> float:
    """MB that a process has held at most when it has aged a photo."""
    return int(run_python(_FIRST_AGE + _MEMORY, model, photo)) / 1024


def bytes_on_disk(models: list[Path]) -> dict[str, int]:
    """Of each model file, of the face detector's, and of the package's code."""
    package = Path(facelage.__file__).parent
    sizes = {path.name: path.stat().st_size for path in models}
    detector = find_yunet()
    if detector is not None:
        sizes[detector.name] = detector.stat().st_size
    sizes["facelage's Python code"] = sum(path.stat().st_size for path in package.rglob("*.py"))
    return sizes
