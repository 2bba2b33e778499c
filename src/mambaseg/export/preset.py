"""Exports that are kept under a name, and run alike from the panel and from the shell."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal, Self

import yaml
from platformdirs import user_config_path
from pydantic import Field, model_validator

from mambaseg.export.style import OverlayStyle
from mambaseg.files import write_whole
from mambaseg.types.errors import InvalidOptionError, UnknownNameError
from mambaseg.types.schema import VersionedSchema

__all__ = ["ExportPreset", "list_presets", "presets_folder", "read_preset", "write_preset"]

_SUFFIXES = {"mp4": ".mp4", "gif": ".gif", "png": ".png", "tiff": ".tif", "dicom": ".dcm"}
_FILE_SUFFIXES = (".yaml", ".yml")
_NAME = re.compile(r"\w(?:[\w .-]{0,62}\w)?")


class ExportPreset(VersionedSchema):
    """How a mask is drawn, on which of an image's frames, and in which format.

    Frames by number are no part of it, as they are those of one clip.

    Parameters
    ----------
    format : {"mp4", "gif", "png", "tiff", "dicom"}
        A film, a picture for each frame, the pages of one file, or DICOM
        Secondary Capture.
    sheet : bool
        Put the frames side by side on one picture.
    frames : {"all", "worst"}
        All frames, or those that agree least with a reference or are most in
        doubt, the worst first.
    count : int
        How many of the worst, and on a sheet how many at most, evenly spaced.
    style : OverlayStyle
        How the mask is drawn.
    """

    format: Literal["mp4", "gif", "png", "tiff", "dicom"] = "mp4"
    sheet: bool = False
    frames: Literal["all", "worst"] = "all"
    count: int = Field(default=9, ge=1, le=200)
    style: OverlayStyle = OverlayStyle()

    @model_validator(mode="after")
    def _still(self) -> Self:
        if self.sheet and self.format in ("mp4", "gif"):
            raise ValueError(f"a contact sheet is a picture and no {self.format} film")
        return self

    def suffix(self, *, single: bool = False) -> str:
        """Give the suffix of what it writes, "" for a folder; `single`: of one frame alone."""
        if self.format == "png" and not (self.sheet or single):
            return ""
        return _SUFFIXES[self.format]


def presets_folder() -> Path:
    """Folder in which a user's presets lie; it may not exist yet."""
    return user_config_path("mambaseg", appauthor=False) / "presets"


def list_presets() -> list[str]:
    """Give the names of a user's presets, in order."""
    names = (path.stem for path in presets_folder().glob("*.yaml"))
    return sorted(name for name in names if _NAME.fullmatch(name))


def read_preset(name_or_file: str | os.PathLike[str]) -> ExportPreset:
    """Read a preset by its name, or from a file (.yaml, .yml).

    Raises
    ------
    UnknownNameError
        If there is no preset of that name.
    InvalidConfigError
        If its file cannot be read or does not fit.
    """
    file = Path(name_or_file)
    if file.suffix.lower() not in _FILE_SUFFIXES:
        known = list_presets()
        if str(name_or_file) not in known:
            listed = f"there are {', '.join(known)}" if known else "there is none yet"
            raise UnknownNameError(
                f"There is no preset {str(name_or_file)!r}; {listed}. Save one in the Export "
                "panel, or name a .yaml file."
            )
        file = presets_folder() / f"{name_or_file}.yaml"
    return ExportPreset.read(file)


def write_preset(name: str, preset: ExportPreset) -> Path:
    """Keep a preset under a name, in place of one of that name; whole or not at all.

    Raises
    ------
    InvalidOptionError
        If the name would make no file's name everywhere.
    OutputError
        If it cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise InvalidOptionError(
            f"{name!r} is no name for a preset: up to 64 letters, digits, spaces, dots and dashes "
            "are, with a letter or digit at both ends."
        )
    path = presets_folder() / f"{name}.yaml"
    with write_whole(path) as temporary:
        content = preset.model_dump(mode="json")
        temporary.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path
