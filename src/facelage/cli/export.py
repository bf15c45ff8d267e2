"""``facelage export``: a checkpoint to an ONNX file."""

from __future__ import annotations

from pathlib import Path

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
@click.option("--count", default=1000, show_default=True, help="Faces to check on.")
def command(model: str, path: Path, name: str, check: Path | None, count: int) -> None:
    """Write MODEL (a run's folder, a .safetensors file or a name) to PATH as ONNX.

    The file runs in ONNX Runtime without torch and carries its crop. Its ages
    are compared with torch's: on real faces with --check, else on noise.
    """
    import numpy as np

    from facelage.errors import ConfigError
    from facelage.export import check_parity, export_onnx
    from facelage.models import load_weights

    if path.suffix != ".onnx":
        raise ConfigError("the output must be an .onnx file", got=str(path))
    trained, crop = load_weights(None if model == "default" else model)
    if check is not None:
        from facelage.data.crops import CropStore
        from facelage.data.manifest import Manifest

        manifest = Manifest.load(check).usable()
        manifest.frame = manifest.frame.head(count)
        store = CropStore(manifest)
        pad = (store.shape[0] - crop.size) // 2
        inner = slice(pad, pad + crop.size)
        crops = np.ascontiguousarray(store.batch(np.arange(len(store)))[:, inner, inner])
    else:
        shape = (min(count, 64), crop.size, crop.size, 3)
        crops = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    export_onnx(trained, path, crop, name=name)
    parity = check_parity(trained, path, crops)
    what = "faces" if check else "noise images"
    click.echo(f"{parity.n} {what}: torch and ONNX differ by at most {parity.largest:.2g} years")
    echo_file(path)
