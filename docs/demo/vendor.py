"""Fetch what the demo page runs: `python docs/demo/vendor.py`, then serve docs/demo.

Writes docs/demo/vendor (never committed): ONNX Runtime for browsers from npm, YuNet's
model from FACELAGE_YUNET, the cache or a download, and the shipped weights as a
self-contained model. Needs npm and `facelage[export]`.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from facelage.data.detect.yunet import download_yunet, find_yunet
from facelage.export import export_self_contained
from facelage.files import write_bytes
from facelage.models.weights import get_weights

RUNTIME = "onnxruntime-web@1.30.0"
FILES = ("dist/ort.wasm.min.mjs", "dist/ort-wasm-simd-threaded.mjs")
FILES += ("dist/ort-wasm-simd-threaded.wasm",)
VENDOR = Path(__file__).parent / "vendor"


def main() -> None:
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
                write_bytes(VENDOR / Path(name).name, member.read())
    write_bytes(VENDOR / "yunet.onnx", (find_yunet() or download_yunet()).read_bytes())
    export_self_contained(get_weights().path("onnx"), VENDOR / "age.onnx")
    for path in sorted(VENDOR.iterdir()):
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
