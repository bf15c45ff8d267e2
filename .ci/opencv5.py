"""Run what touches OpenCV on OpenCV 5: detection, alignment, ages, preparation,
augmentation.

Run by the nox session ``opencv5``: ``opencv5.py PICTURE [MODEL.onnx]``.
"""

from __future__ import annotations

import sys
import tempfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np

import facelage
from facelage import AgePredictor, load_image
from facelage.data.detect import HaarDetector
from facelage.data.filters import FilterConfig
from facelage.data.images import save_image
from facelage.data.prepare import PrepareConfig, prepare
from facelage.data.readers import read_folder
from facelage.errors import DetectorError


def augmentation() -> ModuleType:
    """facelage.train.augment by its file, for its package imports torch, which is not here."""
    path = Path(facelage.__file__).parent / "train" / "augment.py"
    spec = spec_from_file_location("augment", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Check every part that uses OpenCV, and that Haar says why it can't run."""
    assert int(cv2.__version__.split(".")[0]) >= 5, f"this is OpenCV {cv2.__version__}"
    picture, *given = sys.argv[1:]
    model = given[0] if given else None

    [face] = AgePredictor.from_pretrained(model).predict(picture)
    assert face.detector == "yunet"
    assert face.landmarks is not None
    [named] = AgePredictor.from_pretrained(model, detector="yunet").predict(picture)
    assert named == face

    cropper = AgePredictor.from_pretrained(model, detector=None)
    [whole] = cropper.predict(picture)
    assert whole.detector == "none"

    for make in (HaarDetector, lambda: AgePredictor.from_pretrained(model, detector="haar")):
        problem = ""
        try:
            make()
        except DetectorError as error:
            problem = str(error)
        assert "4.x" in problem, problem or "Haar runs on OpenCV 5: lift the bound on it"

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = load_image(picture)
        photos = folder / "photos"
        for number in range(12):  # twelve different pictures of one face
            photo = image[number * 3 :, number * 5 : 400]
            suffix = ("jpg", "png", "webp")[number % 3]
            save_image(photos / f"{30 + number}_1_0_{number}.{suffix}", photo)
        (photos / "40_1_0_cut.jpg").write_bytes((photos / "30_1_0_0.jpg").read_bytes()[:2000])
        # Crops of one photo would be one group, which no split divides.
        filters = FilterConfig(near_duplicate_bits=0)
        config = PrepareConfig(filters=filters, val=0.25, test=0.25)
        table = prepare(
            read_folder(photos), folder / "out", config, detector="yunet", workers=1, progress=False
        )
        statuses = table.frame["status"].value_counts().to_dict()
        assert statuses == {"ok": 12, "unreadable": 1}, statuses
        crops = np.stack([load_image(path) for path in table.usable().locate("crop")])
        seeds = [(0, number) for number in range(len(crops))]
        augmented = augmentation().augment_batch(crops, 96, "real", seeds, 96 / 128)
        assert augmented.shape == (12, 96, 96, 3)
        marked = AgePredictor.from_pretrained(model).annotate(picture, [face])
        save_image(folder / "marked.jpg", marked)
        assert load_image(folder / "marked.jpg").shape == image.shape
    print(f"OpenCV {cv2.__version__}: {face.age:.1f} years with YuNet, {whole.age:.1f} as a crop")


if __name__ == "__main__":
    main()
