"""What the panels of one viewer share, without Qt: work in the background, and words for it."""

from mambaseg.session.correcting import ClipCorrections, mask_digest
from mambaseg.session.describe import describe_image, summarise_image
from mambaseg.session.events import (
    Failed,
    FramesDone,
    JobEvent,
    Ready,
    Started,
    Stopped,
    Succeeded,
)
from mambaseg.session.exporting import ExportRequest, export
from mambaseg.session.finding import find_images
from mambaseg.session.fitting import ModelChoice, choose_models
from mambaseg.session.inspecting import Inspection, inspect
from mambaseg.session.service import InProcessService, Job, Request, SegmentationService
from mambaseg.session.session import Session
from mambaseg.session.worker import Deliver, Task, Worker

__all__ = [
    "ClipCorrections",
    "Deliver",
    "ExportRequest",
    "Failed",
    "FramesDone",
    "InProcessService",
    "Inspection",
    "Job",
    "JobEvent",
    "ModelChoice",
    "Ready",
    "Request",
    "SegmentationService",
    "Session",
    "Started",
    "Stopped",
    "Succeeded",
    "Task",
    "Worker",
    "choose_models",
    "describe_image",
    "export",
    "find_images",
    "inspect",
    "mask_digest",
    "summarise_image",
]
