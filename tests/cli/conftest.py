from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from facelage.cli.main import main
from facelage.data.images import save_image


@dataclass
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
def facelage(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Done]:
    """Run the command line in this process: ``facelage("info")``."""

    def run(*arguments: object) -> Done:
        monkeypatch.setattr("sys.argv", ["facelage", *map(str, arguments)])
        monkeypatch.setattr("warnings.showwarning", None)  # main replaces it
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def portrait_file(astronaut: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "portrait.png"
    save_image(path, astronaut)
    return path
