from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

COMMANDS = ["predict", "prepare", "train", "evaluate", "compare", "export", "download", "info"]


def test_help_lists_every_command(facelage: Callable) -> None:
    done = facelage("--help")
    assert done.code == 0
    for name in COMMANDS:
        assert f"\n  {name}" in done.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(facelage: Callable, name: str) -> None:
    done = facelage(name, "--help")
    assert done.code == 0
    assert done.out.startswith(f"Usage: facelage {name}")
    assert len(done.out.splitlines()) > 6


def test_the_version_is_printed(facelage: Callable) -> None:
    assert facelage("--version").out.startswith("facelage, version 0.")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nonsense"], "nonsense"),
        (["predict"], "IMAGES"),
        (["predict", "x.jpg", "--format", "yaml"], "yaml"),
        (["train", "/"], "--run"),
        (["evaluate", "default", "/no/such/folder"], "/no/such/folder"),
    ],
)
def test_wrong_usage_is_code_2_and_says_what(
    facelage: Callable, arguments: list[str], named: str
) -> None:
    done = facelage(*arguments)
    assert done.code == 2
    assert named in done.err
    assert "Traceback" not in done.err


def test_errors_have_no_traceback_and_say_how_to_fix_it(facelage: Callable) -> None:
    done = facelage("info", "age_prediction_9.9.9")
    assert done.code == 1
    assert done.err.startswith("facelage: unknown weights\n  got: 'age_prediction_9.9.9'")
    assert "expected:" in done.err
    assert "Traceback" not in done.err


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['facelage', '--help']\n"
        "from facelage.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'pandas', 'sklearn', 'cv2', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"
