"""Overlays and films, composed without a screen.

The shell and the panels call the same functions, so that they give the same
picture byte for byte.
"""

from mambaseg.export.composer import FrameComposer, overlay
from mambaseg.export.film import export_film
from mambaseg.export.frames import Progress, export_frames, export_picture
from mambaseg.export.preset import (
    ExportPreset,
    list_presets,
    presets_folder,
    read_preset,
    write_preset,
)
from mambaseg.export.style import OverlayStyle

__all__ = [
    "ExportPreset",
    "FrameComposer",
    "OverlayStyle",
    "Progress",
    "export_film",
    "export_frames",
    "export_picture",
    "list_presets",
    "overlay",
    "presets_folder",
    "read_preset",
    "write_preset",
]
