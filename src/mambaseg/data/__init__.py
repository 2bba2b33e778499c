"""Medical images and their labels, in and out of files."""

from mambaseg.data.channels import open_channels
from mambaseg.data.drawn_labels import DrawnLabels, read_drawn_labels
from mambaseg.data.image_files import write_image
from mambaseg.data.parts import Part, list_parts
from mambaseg.data.readers import base_name, open_image, read_image
from mambaseg.data.samples import sample_path
from mambaseg.data.segmentations import read_segmentation, write_segmentation

__all__ = [
    "DrawnLabels",
    "Part",
    "base_name",
    "list_parts",
    "open_channels",
    "open_image",
    "read_drawn_labels",
    "read_image",
    "read_segmentation",
    "sample_path",
    "write_image",
    "write_segmentation",
]
