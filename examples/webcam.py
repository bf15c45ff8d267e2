"""Show the camera's picture with the age of every face; press q to leave.

    python examples/webcam.py [CAMERA]

CAMERA is a number from 0, a video file or a stream's address. When the
computer is slower than the camera, frames are dropped and the newest is shown.
"""

import sys

import cv2

from facelage import predict_video

source = sys.argv[1] if len(sys.argv) > 1 else "0"

for frame in predict_video(int(source) if source.isdigit() else source):
    if frame.image is None:
        print(frame.error)
        continue
    # OpenCV's windows take BGR; facelage gives RGB.
    cv2.imshow("facelage", cv2.cvtColor(frame.annotate(), cv2.COLOR_RGB2BGR))
    if cv2.waitKey(1) == ord("q"):
        break
cv2.destroyAllWindows()
