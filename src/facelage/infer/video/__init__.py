"""Ages in videos: faces are followed, and their ages smoothed; see :func:`predict_video`."""

from facelage.infer.video.predict import FramePredictor, predict_video
from facelage.infer.video.reader import VideoInfo, video_info
from facelage.infer.video.result import TrackedFace, VideoFrame
from facelage.infer.video.tracker import Track, Tracker
from facelage.infer.video.writer import save_video

__all__ = [
    "FramePredictor",
    "Track",
    "TrackedFace",
    "Tracker",
    "VideoFrame",
    "VideoInfo",
    "predict_video",
    "save_video",
    "video_info",
]
