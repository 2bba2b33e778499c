"""What the panels of one viewer share, without Qt: work in the background, and words for it."""

from mambaseg.service import (
    Adapted,
    Advanced,
    Deliver,
    Failed,
    FramesDone,
    Job,
    JobEvent,
    Ready,
    Request,
    SegmentationService,
    Started,
    Stopped,
    Succeeded,
    speed,
    time_left,
)
from mambaseg.session.adapting import Adaptation
from mambaseg.session.carrying import Carrying
from mambaseg.session.correcting import ClipCorrections, mask_digest
from mambaseg.session.describe import describe_image, describe_part, summarise_image
from mambaseg.session.diagnosing import diagnostics, versions
from mambaseg.session.exporting import ExportRequest, export
from mambaseg.session.finding import find_images
from mambaseg.session.fitting import ModelChoice, choose_models
from mambaseg.session.importing import ImportChoices
from mambaseg.session.inspecting import Glance, Inspection, glance, inspect, inspect_parts
from mambaseg.session.lasting_thread import LastingThread
from mambaseg.session.learning_data import LearningData, list_learning_data
from mambaseg.session.mask_journal import MaskJournal
from mambaseg.session.mask_reading import event_now, plane_at
from mambaseg.session.measuring import Comparison, Line, Measurement, measure
from mambaseg.session.model_copy import Ingredients
from mambaseg.session.new_training import FolderChoice, NewTraining, look_at_folder
from mambaseg.session.plots import Canvas, Curve, Drawing, draw_curves, draw_run
from mambaseg.session.run_folders import open_runs, runs_folder, start_run
from mambaseg.session.session import Session
from mambaseg.session.timeline import Moment, moments
from mambaseg.session.tuning import Tuning, TuningState
from mambaseg.session.worker import Task, Worker

__all__ = [
    "Adaptation",
    "Adapted",
    "Advanced",
    "Canvas",
    "Carrying",
    "ClipCorrections",
    "Comparison",
    "Curve",
    "Deliver",
    "Drawing",
    "ExportRequest",
    "Failed",
    "FolderChoice",
    "FramesDone",
    "Glance",
    "ImportChoices",
    "Ingredients",
    "Inspection",
    "Job",
    "JobEvent",
    "LastingThread",
    "LearningData",
    "Line",
    "MaskJournal",
    "Measurement",
    "ModelChoice",
    "Moment",
    "NewTraining",
    "Ready",
    "Request",
    "SegmentationService",
    "Session",
    "Started",
    "Stopped",
    "Succeeded",
    "Task",
    "Tuning",
    "TuningState",
    "Worker",
    "choose_models",
    "describe_image",
    "describe_part",
    "diagnostics",
    "draw_curves",
    "draw_run",
    "event_now",
    "export",
    "find_images",
    "glance",
    "inspect",
    "inspect_parts",
    "list_learning_data",
    "look_at_folder",
    "mask_digest",
    "measure",
    "moments",
    "open_runs",
    "plane_at",
    "runs_folder",
    "speed",
    "start_run",
    "summarise_image",
    "time_left",
    "versions",
]
