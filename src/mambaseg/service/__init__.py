"""Who segments for a window: in this process, or in one of its own. Imports no torch."""

from mambaseg.service.child_process import ChildProcessService
from mambaseg.service.deliver import Deliver, call_at_once
from mambaseg.service.events import (
    Adapted,
    Advanced,
    Failed,
    FramesDone,
    JobEvent,
    MemoryUse,
    Ready,
    Started,
    Stopped,
    Succeeded,
    speed,
    time_left,
)
from mambaseg.service.in_process import InProcessService
from mambaseg.service.job import Job, Listener, Request
from mambaseg.service.protocol import SegmentationService

__all__ = [
    "Adapted",
    "Advanced",
    "ChildProcessService",
    "Deliver",
    "Failed",
    "FramesDone",
    "InProcessService",
    "Job",
    "JobEvent",
    "Listener",
    "MemoryUse",
    "Ready",
    "Request",
    "SegmentationService",
    "Started",
    "Stopped",
    "Succeeded",
    "call_at_once",
    "speed",
    "time_left",
]
