"""The project's checks, for people and for machines: ``nox -l`` lists them.

Each session builds an environment of its own. ``nox --no-venv -s lint types
tests docs`` runs in the environment that holds nox instead, where
``pip install -e '.[dev]'`` has put all that these four need.
"""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import nox
from nox.virtualenv import PassthroughEnv

nox.options.sessions = ["lint", "types", "tests", "docs"]
nox.options.reuse_existing_virtualenvs = True

ROOT = Path(__file__).parent
SHARED_YUNET = ROOT.parent / "shared" / "models" / "face_detection_yunet_2023mar.onnx"

# Without environments of its own nox finds programs by PATH, where the ones
# beside it are only if its environment was activated. They come first here.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def _install(session: nox.Session, *what: str) -> None:
    """Install into the session's environment, if it has one."""
    if not isinstance(session.virtualenv, PassthroughEnv):
        session.install(*what)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, formatting and the direction of imports."""
    _install(session, "ruff>=0.8", "import-linter>=2.0")
    _install(session, "--no-deps", "-e", ".")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Static types."""
    _install(session, "-e", ".[dev]")
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """The test suite; arguments after ``--`` go to pytest."""
    _install(session, "-e", ".[dev]")
    session.run("pytest", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, warnings as errors, into docs/_build/html.

    ``-- demo`` fetches what the browser's page runs (npm, YuNet), so that it works there.
    """
    _install(session, "-e", ".[docs,plots]")
    if "demo" in session.posargs:
        session.run("python", "docs/demo/vendor.py")
    session.run(
        "sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "docs", "docs/_build/html"
    )


@nox.session
def build(session: nox.Session) -> None:
    """Wheel and source distribution into dist/, and a look inside them."""
    session.install("build", "twine")
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    session.run("python", "-m", "build")
    session.run("twine", "check", "--strict", *map(str, (ROOT / "dist").iterdir()))
    [wheel] = (ROOT / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    for wanted in ("facelage/py.typed", "facelage/weights/LICENSE.md"):
        if wanted not in sizes:
            session.error(f"{wheel.name} lacks {wanted}")
    if not any(name.endswith("licenses/LICENSE") for name in sizes):
        session.error(f"{wheel.name} lacks the licence of the code")
    models = {name: size for name, size in sizes.items() if name.startswith("facelage/weights/")}
    for suffix in (".onnx", ".safetensors", ".json"):
        if not any(name.endswith(suffix) for name in models):
            session.error(f"{wheel.name} ships no weights: no {suffix} in facelage/weights/")
    rest = dict(models)
    for part, limit in (("-int8", 3e6), ("face_landmarks", 1e6), ("", 20e6)):
        total = sum(rest.pop(name) for name in list(rest) if part in name)
        if total > limit:
            what = part.strip("-") or "float32"
            session.error(f"{what} weights take {total / 1e6:.1f} MB, more than {limit / 1e6:.0f}")
    if (total := wheel.stat().st_size) > 25e6:
        session.error(f"{wheel.name} takes {total / 1e6:.1f} MB, more than 25 MB")
    stray = [name for name in sizes if "__pycache__" in name or name.startswith("tests/")]
    if stray:
        session.error(f"{wheel.name} holds what no user needs: {', '.join(stray[:3])}")
    [source] = (ROOT / "dist").glob("*.tar.gz")
    with tarfile.open(source) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    for wanted in ("pyproject.toml", "README.md", "LICENSE", "noxfile.py", "docs/conf.py"):
        if wanted not in inside:
            session.error(f"{source.name} lacks {wanted}")
    session.log(f"{wheel.name}: {len(sizes)} files, {wheel.stat().st_size / 1e6:.1f} MB")


def _wheel(session: nox.Session, folder: Path) -> str:
    """A wheel of the working tree, built apart from the session's environment."""
    session.run(
        "python", "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), ".", silent=True
    )
    [wheel] = folder.glob("facelage-*.whl")
    return str(wheel)


def _portrait(session: nox.Session, folder: Path) -> str:
    """scikit-image's astronaut, a public-domain portrait, taken out of its wheel.

    Installing scikit-image would bring packages that these sessions do without.
    """
    options = ("--no-deps", "--only-binary=:all:", "-q", "-d", str(folder))
    session.run("python", "-m", "pip", "download", *options, "scikit-image", silent=True)
    [archive] = folder.glob("scikit_image-*.whl")
    picture = folder / "astronaut.png"
    with zipfile.ZipFile(archive) as stored:
        picture.write_bytes(stored.read("skimage/data/astronaut.png"))
    return str(picture)


def _yunet() -> dict[str, str]:
    """Where YuNet's model file is, if it is at hand: FACELAGE_YUNET, or shared/."""
    given = os.environ.get("FACELAGE_YUNET") or (SHARED_YUNET if SHARED_YUNET.is_file() else "")
    return {"FACELAGE_YUNET": str(given)} if given else {}


def _model(session: nox.Session) -> list[str]:
    """``-- model.onnx`` checks that file; by default the weights in the wheel are checked."""
    return [str(Path(argument).resolve()) for argument in session.posargs]


@nox.session
def minimal(session: nox.Session) -> None:
    """Ages with numpy, OpenCV and ONNX Runtime alone: no torch, no socket."""
    folder = Path(session.create_tmp())
    for old in folder.glob("*.whl"):
        old.unlink()
    wheel, picture = _wheel(session, folder), _portrait(session, folder)
    session.install("numpy>=2.0", "opencv-python>=4.8,<5", "onnxruntime>=1.19")
    session.install("--no-deps", "--force-reinstall", wheel)
    # The second run has no YuNet: a fresh machine without a network.
    for env in [_yunet(), {}] if _yunet() else [{}]:
        outside = {"FACELAGE_OFFLINE": "1", "FACELAGE_CACHE": str(folder / "empty"), **env}
        if not env:
            outside["FACELAGE_YUNET"] = ""
        session.run(
            "python", "-I", str(ROOT / ".ci" / "minimal.py"), picture, *_model(session), env=outside
        )


@nox.session
def opencv5(session: nox.Session) -> None:
    """On OpenCV 5 everything runs but Haar, whose cascades it no longer has."""
    if not _yunet():
        session.error("set FACELAGE_YUNET to YuNet's model file; OpenCV 5 has no other detector")
    folder = Path(session.create_tmp())
    for old in folder.glob("*.whl"):
        old.unlink()
    wheel, picture = _wheel(session, folder), _portrait(session, folder)
    # The wheel's own bound is opencv-python<5, for Haar's sake; hence --no-deps.
    session.install("opencv-python>=5", "numpy>=2.0", "onnxruntime>=1.19")
    session.install("click", "pandas", "pooch", "scikit-learn", "tqdm")
    session.install("--no-deps", "--force-reinstall", wheel)
    env = {"FACELAGE_OFFLINE": "1", "FACELAGE_CACHE": str(folder / "empty"), **_yunet()}
    session.run(
        "python", "-I", str(ROOT / ".ci" / "opencv5.py"), picture, *_model(session), env=env
    )


@nox.session
def bench(session: nox.Session) -> None:
    """The face detectors side by side on labelled photos: ``-- FOLDER``, by default shared/data."""
    _install(session, "-e", ".")
    arguments = session.posargs or [str(ROOT.parent / "shared" / "data")]
    session.run("python", "benchmarks/accuracy/detectors.py", *arguments, env=_yunet())
