from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import facelage


def run(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_loads_nothing_heavy() -> None:
    loaded = run(
        """
        import sys, facelage
        heavy = {"torch", "torchvision", "sklearn", "matplotlib", "pandas", "cv2", "onnxruntime"}
        print(sorted(heavy & set(sys.modules)))
        """
    )
    assert loaded == "[]"


@pytest.mark.parametrize("name", facelage.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(facelage, name)
    assert name in dir(facelage)
    assert value.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        facelage.no_such_name  # noqa: B018 - the access is the test


def test_prediction_needs_numpy_opencv_and_onnxruntime_alone(tmp_path: Path) -> None:
    from skimage import data

    from facelage.data.images import save_image

    save_image(tmp_path / "portrait.png", data.astronaut())
    printed = run(
        """
        import sys
        from importlib.abc import MetaPathFinder

        blocked = {"torch", "torchvision", "sklearn", "pandas", "matplotlib", "scipy", "PIL",
                   "tqdm", "click", "pooch", "safetensors", "onnx", "skimage"}

        class Block(MetaPathFinder):
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in blocked:
                    raise ModuleNotFoundError(name)

        sys.meta_path.insert(0, Block())
        from facelage import AgePredictor
        faces = AgePredictor.from_pretrained(detector="haar").predict(sys.argv[1])
        print(len(faces), blocked & set(sys.modules))
        """,
        str(tmp_path / "portrait.png"),
    )
    assert printed == "1 set()"


def test_the_version_is_the_installed_one() -> None:
    from importlib.metadata import version

    assert facelage.__version__ == version("facelage")


def test_the_command_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "facelage", "--version"], capture_output=True, text=True, check=True
    )
    assert facelage.__version__ in done.stdout
