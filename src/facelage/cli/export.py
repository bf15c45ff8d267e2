"""``facelage export``: a checkpoint to an ONNX file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from facelage.cli.options import echo_file


@click.command("export")
@click.argument("model")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", default="", help="Name of the weights, kept in the file.")
@click.option(
    "--check",
    type=click.Path(path_type=Path, exists=True),
    help="Prepared folder whose faces the exported model is checked on.",
)
@click.option(
    "--calibrate",
    "calibrate_on",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Prepared folder, whose validation split the model's intervals come from, or a table "
    "of predictions (age, predicted) on faces that it was not trained on.",
)
@click.option("--count", default=1000, show_default=True, help="Faces to check on.")
@click.option("--licence", default="", help="Terms of use, kept in the file.")
@click.option(
    "--metrics",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="metrics.json of `facelage evaluate`, whose summary is kept in the file.",
)
def command(
    model: str,
    path: Path,
    name: str,
    check: Path | None,
    calibrate_on: tuple[Path, ...],
    count: int,
    licence: str,
    metrics: Path | None,
) -> None:
    """Write MODEL to PATH as ONNX.

    MODEL is a run's folder, a .safetensors file, a name, or "default" for the
    newest weights.

    The file runs in ONNX Runtime without torch and carries its crop. Before it
    is written its ages are compared with torch's: on real faces with --check,
    else on noise.
    """
    import numpy as np

    from facelage.errors import ConfigError
    from facelage.export import check_parity, export_onnx
    from facelage.files import write_atomically
    from facelage.infer.intervals import CALIBRATION_KEY
    from facelage.models import load_weights

    if path.suffix != ".onnx":
        raise ConfigError("the output must be an .onnx file", got=str(path))
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
    if calibrate_on:
        metadata[CALIBRATION_KEY] = _calibration(trained, crop, calibrate_on)
    if check is not None:
        from facelage.data.crops import CropStore
        from facelage.data.manifest import Manifest
        from facelage.data.prepared import agreed_crop

        agreed_crop([check], crop)
        manifest = Manifest.load(check).usable()
        manifest.frame = manifest.frame.head(count)
        store = CropStore(manifest)
        crops = store.canonical(np.arange(len(store)), crop)
    else:
        shape = (min(count, 64), crop.size, crop.size, 3)
        crops = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)

    def write(temporary: Path) -> None:
        export_onnx(trained, temporary, crop, name=name or path.stem, metadata=metadata)
        parity = check_parity(trained, temporary, crops)
        what = "faces" if check else "noise images"
        click.echo(
            f"{parity.n} {what}: torch and ONNX differ by at most {parity.largest:.2g} years"
        )

    # A file that fails the check never gets its name.
    write_atomically(path, write)
    echo_file(path)


def _calibration(model: Any, crop: Any, sources: tuple[Path, ...]) -> dict[str, Any]:
    """The calibration from prepared folders, or from one table, as plain data."""
    from facelage.errors import ConfigError
    from facelage.export import calibrate, calibration_from_table

    tables = [path for path in sources if path.is_file() and path.name != "manifest.csv"]
    if tables and len(sources) > 1:
        raise ConfigError(
            "a table of predictions calibrates a model by itself",
            got=", ".join(map(str, sources)),
            expected="one table, or prepared folders",
        )
    found = calibration_from_table(tables[0]) if tables else calibrate(model, crop, sources)
    low, high = found.interval(40.0, 0.9)
    click.echo(
        f"calibrated on {len(found.residuals)} faces: 90 % of those called 40 "
        f"are {low:.0f} to {high:.0f}"
    )
    plain: dict[str, Any] = json.loads(found.to_json())
    return plain
