"""Medical images and their labels, in and out of files."""

from mambaseg.data.drawn_labels import DrawnLabels, read_drawn_labels
from mambaseg.data.readers import base_name, read_image
from mambaseg.data.samples import sample_path
from mambaseg.data.segmentations import read_segmentation, write_segmentation

__all__ = [
    "DrawnLabels",
    "base_name",
    "read_drawn_labels",
    "read_image",
    "read_segmentation",
    "sample_path",
    "write_segmentation",
]
