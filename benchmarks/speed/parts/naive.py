"""What facelage is compared with: the reference project's pipeline, and plain torch networks.

The weights are random. That is fair for speed: a network takes as long whatever
its weights are.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
import torchvision

from facelage.data.align import CropSpec

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def mobilenet() -> torch.nn.Module:
    """MobileNetV2 with one output."""
    return torchvision.models.mobilenet_v2(num_classes=1).eval()


def vgg_face_age() -> torch.nn.Module:
    """The shape of DeepFace's age network: VGG-Face at 224 pixels, 101 ages."""
    return torchvision.models.vgg16(num_classes=101).eval()


def tensor(crops: np.ndarray) -> torch.Tensor:
    """N x size x size x 3, RGB, uint8 as torchvision's transforms make it the network's input."""
    pixels = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(values)[:, None, None] for values in (_MEAN, _STD))
    return (pixels - mean) / std


def ages(network: torch.nn.Module, crops: np.ndarray) -> list[float]:
    """What a plain eager forward pass says to crops."""
    with torch.no_grad():
        return network(tensor(crops))[:, 0].tolist()


class NaivePipeline:
    """Photo by photo: decode in full, Haar on the full size, eager MobileNetV2 at 224 pixels."""

    SIZE = 224

    def __init__(self) -> None:
        folder = Path(cv2.data.haarcascades)
        self.cascade = cv2.CascadeClassifier(str(folder / "haarcascade_frontalface_default.xml"))
        self.network = mobilenet()

    def predict(self, path: Path) -> list[float]:
        """The ages of the faces that Haar sees."""
        image = cv2.imread(str(path))
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        found = []
        for x, y, width, height in self.cascade.detectMultiScale(grey, 1.1, 5):
            face = cv2.cvtColor(image[y : y + height, x : x + width], cv2.COLOR_BGR2RGB)
            face = cv2.resize(face, (self.SIZE, self.SIZE))
            found += ages(self.network, face[None])
        return found


def resized(crops: np.ndarray, size: int) -> np.ndarray:
    """The crops at another size."""
    return np.stack([cv2.resize(crop, (size, size)) for crop in crops])


def own_size(crop: CropSpec) -> str:
    """How a table calls the crops."""
    return f"{crop.size} px crops"
