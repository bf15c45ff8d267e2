"""The step of ``facelage export`` from a torch model to an ONNX file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from facelage.export import Calibrated


def from_torch(
    model: str,
    path: Path,
    *,
    name: str,
    faces: Path | None,
    count: int,
    calibrate_on: tuple[Path, ...],
    licence: str,
    metrics: Path | None,
) -> None:
    """Write a torch model as ONNX, and check it on `count` faces of a folder, or on noise.

    The other options are those of ``facelage export``.
    """
    import numpy as np

    from facelage.errors import ConfigError
    from facelage.export import check_parity, export_onnx
    from facelage.infer.intervals import CALIBRATION_KEY
    from facelage.models import load_weights

    trained, crop = load_weights(None if model == "default" else model)
    metadata: dict[str, Any] = {"facelage.licence": licence} if licence else {}
    if metrics is not None:
        try:
            metadata["facelage.metrics"] = json.loads(metrics.read_text("utf-8"))["summary"]
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                "the metrics can't be read",
                got=f"{metrics}: {error}",
                expected="metrics.json of `facelage evaluate --out`",
            ) from error
    spread = None
    if calibrate_on:
        calibration, spread = _calibrated(trained, crop, calibrate_on)
        metadata[CALIBRATION_KEY] = json.loads(calibration.to_json())
    if faces is not None:
        from facelage.data.crops import CropStore
        from facelage.data.manifest import Manifest
        from facelage.data.prepared import agreed_crop

        agreed_crop([faces], crop)
        manifest = Manifest.load(faces).usable()
        manifest.frame = manifest.frame.head(count)
        store = CropStore(manifest)
        crops = store.canonical(np.arange(len(store)), crop)
    else:
        shape = (min(count, 64), crop.size, crop.size, 3)
        crops = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    export_onnx(trained, path, crop, name=name, metadata=metadata, spread=spread)
    parity = check_parity(trained, path, crops)
    what = "faces" if faces else "noise images"
    click.echo(f"{parity.n} {what}: torch and ONNX differ by at most {parity.largest:.2g} years")


def _calibrated(model: Any, crop: Any, sources: tuple[Path, ...]) -> Calibrated:
    """What prepared folders, or one table, say of how sure the model is."""
    from facelage.errors import ConfigError
    from facelage.export import Calibrated, calibrate, calibration_from_table

    tables = [path for path in sources if path.is_file() and path.name != "manifest.csv"]
    if tables and len(sources) > 1:
        raise ConfigError(
            "a table of predictions calibrates a model by itself",
            got=", ".join(map(str, sources)),
            expected="one table, or prepared folders",
        )
    if tables:
        found = Calibrated(calibration_from_table(tables[0]), None)
    else:
        found = calibrate(model, crop, sources)
    low, high = found.calibration.interval(40.0, 0.9)
    click.echo(
        f"calibrated on {len(found.calibration.residuals)} faces: 90 % of those called 40 "
        f"are {low:.0f} to {high:.0f}"
    )
    return found
