"""Fetch what the demo page runs: `python docs/demo/vendor.py`, then serve docs/demo.

Writes docs/demo/vendor (never committed): ONNX Runtime for browsers from npm, YuNet's
model from FACELAGE_YUNET, the cache or a download, the shipped weights as a
self-contained model with float16 weights, and the numbers of their crop. Needs npm.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from facelage.data.detect.yunet import download_yunet, find_yunet
from facelage.data.detect.yunet_network import any_size
from facelage.export import export_fp16, export_self_contained
from facelage.files import write_bytes, write_text
from facelage.models.weights import get_weights

RUNTIME = "onnxruntime-web@1.30.0"
FILES = ("dist/ort.wasm.min.mjs", "dist/ort-wasm-simd-threaded.mjs")
FILES += ("dist/ort-wasm-simd-threaded.wasm",)
VENDOR = Path(__file__).parent / "vendor"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=VENDOR, help="another folder")
    fill(parser.parse_args().to)


def fill(vendor: Path) -> None:
    """Write the files into a folder."""
    weights = get_weights()
    with tempfile.TemporaryDirectory() as folder:
        npm = shutil.which("npm")
        if npm is None:
            raise SystemExit("npm is needed to fetch onnxruntime-web; install Node.js")
        subprocess.run([npm, "pack", "--silent", RUNTIME], cwd=folder, check=True)
        [archive] = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as package:
            for name in FILES:
                member = package.extractfile(f"package/{name}")
                assert member is not None
                write_bytes(vendor / Path(name).name, member.read())
        half = export_fp16(weights.path("onnx"), Path(folder) / "half.onnx")
        export_self_contained(half, vendor / "age.onnx")
    yunet = (find_yunet() or download_yunet()).read_bytes()
    write_bytes(vendor / "yunet.onnx", any_size(yunet))
    write_text(vendor / "crop.json", weights.crop.to_json())
    for path in sorted(vendor.iterdir()):
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
