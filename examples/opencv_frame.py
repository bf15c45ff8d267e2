"""Tell the ages in a picture that OpenCV read, as from a camera or a video.

    python examples/opencv_frame.py photo.jpg marked.jpg

OpenCV's arrays are BGR. Say so with ``color="bgr"``: facelage never guesses,
and a face with red and blue exchanged gets another age.
"""

import sys

import cv2

from facelage import AgePredictor

source, target = sys.argv[1:]
predictor = AgePredictor.from_pretrained()

frame = cv2.imread(source)  # or: read, frame = cv2.VideoCapture(0).read()
if frame is None:
    sys.exit(f"OpenCV can't read {source}")
faces = predictor.predict(frame, color="bgr")
for face in faces:
    left, top, right, bottom = (round(edge) for edge in face.box)
    print(f"{face.age:.1f} years at x {left} to {right}, y {top} to {bottom}")

marked = predictor.annotate(frame, faces, color="bgr")  # RGB, as everything that facelage returns
cv2.imwrite(target, cv2.cvtColor(marked, cv2.COLOR_RGB2BGR))
