"""Compare facelage's DeepFace baseline with the installed package, without its weights.

    python benchmarks/accuracy/peers/check_deepface.py PREPARED PHOTOS

DeepFace's age network is replaced by a small one of the same input and output
(224 x 224 x 3 to 101 probabilities). PREPARED is a prepared folder, PHOTOS the
folder that its paths start from. The crop must be DeepFace's own, pixel for
pixel; the age, cut off, the one of `DeepFace.analyze`; and its whole-frame answer
for "no face" must be none.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

os.environ["DEEPFACE_HOME"] = tempfile.mkdtemp()
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ.pop("FACELAGE_OFFLINE", None)

import cv2
import numpy as np
import tensorflow as tf
from deepface import DeepFace
from deepface.models.demography import Age
from deepface.models.Detector import FacialAreaRegion
from deepface.modules import detection

from facelage.data.detect import Detection
from facelage.data.images import load_image
from facelage.data.manifest import Manifest
from facelage.evaluate.baselines import DeepFaceModel, DeepFaceWithDetector
from facelage.evaluate.baselines.deepface import cut_face


def stand_in(*_: object) -> tf.keras.Model:
    layers = tf.keras.layers
    start = tf.keras.initializers.RandomNormal(stddev=1.5, seed=1)
    return tf.keras.Sequential(
        [
            layers.Input((224, 224, 3)),
            layers.AveragePooling2D(32),
            layers.Flatten(),
            layers.Dense(101, kernel_initializer=start),
            layers.Activation("softmax"),
        ]
    )


def their_crop(image: np.ndarray, face: Detection, expand: int) -> np.ndarray:
    border_y, border_x = image.shape[0] // 2, image.shape[1] // 2
    left, top, right, bottom = face.box
    assert face.landmarks is not None
    eyes = [
        (int(np.floor(x)) + border_x, int(np.floor(y)) + border_y) for x, y in face.landmarks[:2]
    ]
    area = FacialAreaRegion(
        x=int(np.floor(left)) + border_x,
        y=int(np.floor(top)) + border_y,
        w=int(right - left),
        h=int(bottom - top),
        right_eye=eyes[0],
        left_eye=eyes[1],
        confidence=0.9,
    )
    borders = (border_y, border_y, border_x, border_x)
    found = detection.extract_face(
        facial_area=area,
        img=cv2.copyMakeBorder(image[:, :, ::-1].copy(), *borders, cv2.BORDER_CONSTANT),
        align=True,
        expand_percentage=expand,
        width_border=border_x,
        height_border=border_y,
        detector_backend="yunet",
    )
    return found.img[:, :, ::-1]


def main() -> None:
    frame = Manifest.load(sys.argv[1]).usable().frame.head(50)
    images = [load_image(Path(sys.argv[2]) / path) for path in frame["path"]]
    faces = []
    for box, points in zip(frame["box"], frame["landmarks"], strict=True):
        left, top, right, bottom = map(float, box.split())
        landmarks = np.array(points.split(), float).reshape(5, 2).tolist()
        faces.append(Detection((left, top, right, bottom), tuple(map(tuple, landmarks))))

    for expand in (0, 17):
        equal = sum(
            np.array_equal(
                their_crop(image, face, expand),
                np.rint(cut_face(image, face, expand_percentage=expand) * 255),
            )
            for image, face in zip(images, faces, strict=True)
        )
        print(f"crops, {expand} % expanded: {equal} of {len(images)} pixel for pixel")

    Age.load_model = stand_in
    given = DeepFaceModel().predict_faces(images, faces)
    print(f"given faces: {np.isfinite(given).sum()} ages, {given.min():.2f} to {given.max():.2f}")
    own = DeepFaceWithDetector("opencv").predict_images(images)
    equal = faces_found = none = 0
    for image, age in zip(images, own, strict=True):
        answers = DeepFace.analyze(
            image[:, :, ::-1].copy(), actions=("age",), enforce_detection=False, silent=True
        )
        answer = max(answers, key=lambda face: face["region"]["w"] * face["region"]["h"])
        if answer["face_confidence"] == 0 and answer["region"]["w"] >= image.shape[1] - 1:
            none += np.isnan(age)
        else:
            faces_found += 1
            equal += int(age) == answer["age"]
    print(f"own detector: {equal} of {faces_found} cut off are DeepFace's public age")
    print(f"whole frames: {none} of {len(images) - faces_found} are no age")


if __name__ == "__main__":
    main()
