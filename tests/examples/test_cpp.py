"""examples/cpp: it compiles against the wheel's library and agrees with Python."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest

from facelage.data.align import fit_crop
from facelage.data.images import UInt8Image, load_image
from facelage.export import export_self_contained
from facelage.infer.session import AgeSession
from facelage.models.weights import get_weights

SOURCE = Path(__file__).parents[2] / "examples" / "cpp"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (shutil.which("cmake") and shutil.which("c++")):
        pytest.skip("needs cmake and a C++ compiler")
    library = Path(onnxruntime.__file__).parent / "capi"
    if not list(library.glob("libonnxruntime.so*")):
        pytest.skip("this onnxruntime wheel holds no libonnxruntime.so")
    folder = tmp_path_factory.mktemp("cpp")
    configure = ["cmake", "-S", SOURCE, "-B", folder, f"-DONNXRUNTIME_LIB={library}"]
    for command in (configure, ["cmake", "--build", folder]):
        built = subprocess.run(command, capture_output=True, text=True)
        assert built.returncode == 0, built.stdout + built.stderr
        assert "warning" not in built.stderr
    return folder / "face_age"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("model") / "age.onnx"
    return export_self_contained(get_weights().path("onnx"), file)


def run(program: Path, *arguments: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)


def ages(program: Path, model: Path, crops: list[UInt8Image], folder: Path) -> list[float]:
    files = [folder / f"{index}.ppm" for index in range(len(crops))]
    for file, crop in zip(files, crops, strict=True):
        assert cv2.imwrite(str(file), crop[..., ::-1])
    done = run(program, model, *files)
    assert done.returncode == 0, done.stderr
    return [float(line.split()[-2]) for line in done.stdout.splitlines()]


def in_python(crops: list[UInt8Image]) -> list[float]:
    session = AgeSession(get_weights().path("onnx"))
    return [float(session.ages(fit_crop(crop, session.crop)[None])[0]) for crop in crops]


def test_it_agrees_with_python(program: Path, model: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sizes = [(128, 128), (90, 90), (200, 180), (417, 500)]
    crops = [
        cv2.resize(rng.integers(0, 256, (9, 9, 3), np.uint8), size, interpolation=cv2.INTER_CUBIC)
        for size in sizes
    ]
    found = ages(program, model, crops, tmp_path)
    assert found == pytest.approx(in_python(crops), abs=0.02)
    assert len(set(found)) == len(sizes)


def test_it_agrees_with_python_on_real_faces(
    program: Path, model: Path, shared: Path, tmp_path: Path
) -> None:
    files = sorted((shared / "data" / "utkface").glob("*.webp"))[::2000][:10]
    crops = [load_image(file) for file in files]
    assert ages(program, model, crops, tmp_path) == pytest.approx(in_python(crops), abs=0.02)


def test_a_bad_picture_is_named_and_loses_no_other(
    program: Path, model: Path, tmp_path: Path
) -> None:
    good, text, short = (tmp_path / name for name in ("good.ppm", "text.ppm", "short.ppm"))
    good.write_bytes(b"P6\n# a comment\n2 2\n255\n" + bytes(12))
    text.write_bytes(b"hello")
    short.write_bytes(b"P6 2 2 255\n" + bytes(11))
    done = run(program, model, text, good, short, tmp_path / "none.ppm")
    assert done.returncode == 1
    assert done.stdout.startswith(f"{good}: ")
    assert len(done.stdout.splitlines()) == 1
    assert "text.ppm: not a binary PPM" in done.stderr
    assert "short.ppm: the file ends before its pixels" in done.stderr
    assert "none.ppm" in done.stderr


def test_a_missing_model_is_an_error(program: Path, tmp_path: Path) -> None:
    done = run(program, tmp_path / "none.onnx", tmp_path / "face.ppm")
    assert done.returncode == 1
    assert "none.onnx" in done.stderr
    assert run(program).returncode == 2
