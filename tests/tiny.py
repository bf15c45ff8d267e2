"""Synthetic faces whose brightness is their age, and runs on them that take seconds."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from torch import nn

from facelage.data.align import CropSpec
from facelage.data.manifest import Manifest, from_records
from facelage.models import create_model
from facelage.models.mobilenet import AgeMobileNetV2
from facelage.train import TrainConfig, Trainer

torch.set_num_threads(1)  # the pictures are too small to share, least of all on a busy machine

CROP = CropSpec(size=32)
PAD = 4


def face(age: float, side: int = CROP.size + 2 * PAD, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng([seed, round(age * 10)]).normal(0, 8, (side, side, 3))
    return np.clip(40 + 2 * age + noise, 0, 255).astype(np.uint8)


def write_faces(
    folder: Path, counts: dict[str, int] | None = None, side: int = CROP.size + 2 * PAD
) -> Manifest:
    (folder / "crops").mkdir(parents=True, exist_ok=True)
    rows = []
    for split, count in (counts or {"train": 24, "val": 9, "test": 8}).items():
        for number, age in enumerate(2 + 88 * np.linspace(0, 1, count) ** 1.5):
            name = f"{split}_{number:03d}.png"
            pixels = face(age, side, number)
            assert cv2.imwrite(str(folder / "crops" / name), pixels[:, :, ::-1])
            rows.append(
                {
                    "path": name,
                    "age": float(round(age, 1)),
                    "split": split,
                    "crop": f"crops/{name}",
                    "gender": "female" if number % 2 else "male",
                }
            )
    return from_records(rows, folder)


def config(**changes: Any) -> TrainConfig:
    plain: dict[str, Any] = {
        "epochs": 2,
        "batch_size": 8,
        "lr": 2e-3,
        "augmentation": "light",
        "threads": 1,
        "seed": 3,
    }
    return TrainConfig(**plain | changes)


def trainer(crop: CropSpec = CROP, **changes: Any) -> Trainer:
    return Trainer(config(**changes), crop=crop, progress=False)


@functools.cache
def session_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="facelage-tiny-")
    atexit.register(shutil.rmtree, folder)
    return Path(folder)


@functools.cache
def shared_faces() -> Manifest:
    return write_faces(session_folder() / "faces")


@functools.cache
def shared_run() -> Path:
    return trainer().fit(shared_faces(), session_folder() / "run").folder


@functools.cache
def shared_onnx() -> Path:
    from facelage.export import export_onnx
    from facelage.models import load_weights

    model, crop = load_weights(shared_run())
    return export_onnx(model, session_folder() / "tiny.onnx", crop, name="tiny", metadata={"n": 24})


@functools.cache
def lively_onnx() -> Path:
    from facelage.export import export_onnx

    path = session_folder() / "lively.onnx"
    return export_onnx(lively_model(), path, CROP, name="lively", metadata={"n": 24})


def noise_crops(count: int, size: int = CROP.size, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def lively_model(seed: int = 0, **options: Any) -> AgeMobileNetV2:
    """An untrained model whose ages differ: BatchNorm knows its inputs, the neuron listens."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = create_model(**{"age_mean": 40.0, "age_std": 15.0} | options)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None  # the plain mean over the batches that follow
        model.train()
        model.features(torch.randn(32, 3, CROP.size, CROP.size))
        nn.init.normal_(model.head.weight, 0, 0.03)
        nn.init.constant_(model.head.bias, 0.25)
    return model.eval()


def corruption_table() -> pd.DataFrame:
    """What measuring one model on damaged faces gives: blur at two severities."""
    rows = [("clean", 0, 4.0), ("blur", 1, 4.5), ("blur", 2, 1234.5), ("grey", 1, 5.0)]
    return pd.DataFrame(
        [
            {"model": "m", "corruption": name, "severity": n, "n": 9, "mae": mae, "failures": n}
            for name, n, mae in [*rows, ("grey", 2, 6.25)]
        ]
    )
