"""Folders of images with masks: what they hold, and whether it fits together."""

from mambaseg.data.datasets.case import Case, DataSet
from mambaseg.data.datasets.checking import CaseReport, DataSetReport, check_dataset
from mambaseg.data.datasets.opening import LAYOUTS, open_dataset
from mambaseg.data.datasets.reading import open_case_image, read_case, read_case_labels

__all__ = [
    "LAYOUTS",
    "Case",
    "CaseReport",
    "DataSet",
    "DataSetReport",
    "check_dataset",
    "open_case_image",
    "open_dataset",
    "read_case",
    "read_case_labels",
]
