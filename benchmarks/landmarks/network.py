"""The landmark network in torch: its layers, its training and its export."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from patches import MIRRORED, PATCH, PLACES, Patches
from torch import Tensor, nn

from facelage.data.landmarks import NAME_KEY, PATCH_KEY
from facelage.files import write_atomically

BATCH = 128
#: Share of the old in the averaged weights, a step.
AVERAGING = 0.998


def _block(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> list[nn.Module]:
    # Depthwise convolutions would be fewer sums, but on a processor eight times the time.
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]


class Network(nn.Module):
    """N x 3 x 48 x 48 in -1..1 to N x 11: ten offsets, and the logit of a face.

    The last map is flattened rather than averaged: where a landmark lies must not
    be lost.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_block(3, 16, 2),
            *_block(16, 32, 2),
            *_block(32, 32),
            *_block(32, 64, 2),
            *_block(64, 64),
            *_block(64, 24, kernel=1),
            nn.Flatten(),
        )
        side = -(-PATCH.size // 8)
        self.hidden = nn.Sequential(nn.Linear(24 * side * side, 64), nn.ReLU(inplace=True))
        self.head = nn.Linear(64, 11)
        # The first guess is the mean face.
        nn.init.zeros_(self.head.bias)
        nn.init.normal_(self.head.weight, std=0.01)

    def forward(self, values: Tensor) -> Tensor:
        return self.head(self.hidden(self.features(values)))


class Exported(nn.Module):
    """The network as its file runs it: uint8 patches to offsets and scores."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        out = self.network(scaled(patches))
        return out[:, :10].reshape(-1, 5, 2), torch.sigmoid(out[:, 10])


def scaled(patches: Tensor) -> Tensor:
    """N x 48 x 48 x 3 uint8 to N x 3 x 48 x 48 in -1..1."""
    return patches.permute(0, 3, 1, 2).float() / 127.5 - 1.0


def _loss(out: Tensor, offsets: Tensor, face: Tensor) -> Tensor:
    # Wing loss (Feng et al., CVPR 2018): small errors keep their weight. In patch pixels.
    located = torch.isfinite(offsets[:, 0, 0])
    error = (out[located, :10] - offsets[located].reshape(-1, 10)).abs() * PATCH.size
    width, curve = 4.0, 1.0
    flat = width - width * math.log(1 + width / curve)
    wing = torch.where(error < width, width * torch.log(1 + error / curve), error - flat)
    told = face >= 0
    told_face = nn.functional.binary_cross_entropy_with_logits(out[told, 10], face[told])
    return 0.25 * wing.mean() + 2.0 * told_face


def _batch(
    patches: Patches, rows: np.ndarray, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    pixels = torch.from_numpy(patches.pixels[rows])
    offsets = torch.from_numpy(patches.offsets[rows])
    face = torch.from_numpy(patches.face[rows].astype(np.float32))
    flip = torch.from_numpy(rng.random(len(rows)) < 0.5)
    pixels[flip] = pixels[flip].flip(2)
    places = torch.from_numpy(PLACES.astype(np.float32))
    inside = (offsets[flip] + places)[:, MIRRORED]
    inside[..., 0] = 1 - inside[..., 0]
    offsets[flip] = inside - places
    values = scaled(pixels)
    # The patches are the same in each epoch; a little light and noise keeps them from
    # being learned by heart.
    gain = torch.from_numpy(np.exp(rng.normal(0, 0.15, (len(rows), 1, 1, 1))).astype(np.float32))
    shift = torch.from_numpy(rng.normal(0, 0.08, (len(rows), 3, 1, 1)).astype(np.float32))
    return (values * gain + shift).clamp(-1, 1), offsets, face


def train(patches: Patches, val: Patches, state: Path, *, epochs: int, seed: int) -> Network:
    """Train, or go on from `state`; returns the averaged weights."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model, averaged = Network(), Network()
    averaged.load_state_dict(model.state_dict())
    model.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    steps = len(patches.face) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 3e-3, total_steps=epochs * steps, pct_start=0.08
    )
    first = 0
    if state.is_file():
        saved: dict[str, Any] = torch.load(state, weights_only=True)
        model.load_state_dict(saved["model"])
        averaged.load_state_dict(saved["averaged"])
        optimiser.load_state_dict(saved["optimiser"])
        schedule.load_state_dict(saved["schedule"])
        first = saved["epoch"]
    for epoch in range(first, epochs):
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(len(patches.face))
        model.train()
        total = 0.0
        for step in range(steps):
            rows = np.sort(order[step * BATCH : (step + 1) * BATCH])
            values, offsets, face = _batch(patches, rows, rng)
            loss = _loss(model(values), offsets, face)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
            _average(averaged, model, min(AVERAGING, 1 - 1 / (1 + epoch * steps + step)))
        print(f"epoch {epoch + 1}: {total / steps:.3f}, val {_judge(averaged, val)}", flush=True)
        saved = {
            "model": model.state_dict(),
            "averaged": averaged.state_dict(),
            "optimiser": optimiser.state_dict(),
            "schedule": schedule.state_dict(),
            "epoch": epoch + 1,
        }
        write_atomically(state, lambda path, saved=saved: torch.save(saved, path))
    return averaged.eval()


@torch.no_grad()
def _average(averaged: Network, model: Network, keep: float) -> None:
    for old, new in zip(averaged.state_dict().values(), model.state_dict().values(), strict=True):
        if old.dtype.is_floating_point:
            old.lerp_(new, 1 - keep)
        else:
            old.copy_(new)


@torch.no_grad()
def _judge(model: Network, val: Patches) -> str:
    model.eval()
    parts = [
        model(scaled(torch.from_numpy(val.pixels[start : start + 512]))).numpy()
        for start in range(0, len(val.face), 512)
    ]
    out = np.concatenate(parts)
    is_face, is_none = val.face == 1, val.face == 0
    error = out[:, :10].reshape(-1, 5, 2)[is_face] - val.offsets[is_face]
    away = np.linalg.norm(error, axis=2).mean() * PATCH.box_side
    return (
        f"{100 * away:.2f} % of the box away, faces {(out[is_face, 10] > 0).mean():.2%}, "
        f"others {(out[is_none, 10] > 0).mean():.2%}"
    )


def export(model: Network, path: Path, name: str) -> None:
    """Write the network for ONNX Runtime, with the crop of its patches in the metadata."""
    import onnx

    example = torch.zeros(2, PATCH.size, PATCH.size, 3, dtype=torch.uint8)
    batch = torch.export.Dim("batch", min=1, max=65536)
    program = torch.onnx.export(
        Exported(model).eval(),
        (example,),
        input_names=["patches"],
        output_names=["offsets", "scores"],
        dynamic_shapes={"patches": {0: batch}},
        dynamo=True,
        verbose=False,
    )
    program.optimize()
    proto = program.model_proto
    for key, value in ((NAME_KEY, name), (PATCH_KEY, PATCH.to_json())):
        proto.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(proto, full_check=True)
    write_atomically(path, lambda target: onnx.save(proto, os.fspath(target)))
