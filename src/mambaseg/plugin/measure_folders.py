"""Files or folders of masks that are compared."""

from __future__ import annotations

import re

from qtpy.QtWidgets import QCheckBox, QFileDialog, QLineEdit, QVBoxLayout, QWidget

from mambaseg.data import base_name
from mambaseg.metrics import MeasureOptions
from mambaseg.plugin.parts import form
from mambaseg.plugin.path_field import PathField
from mambaseg.session.comparing import FileComparison
from mambaseg.types.errors import InvalidOptionError

__all__ = ["MeasureFolders"]


class MeasureFolders(QWidget):
    """Fields for a `FileComparison`."""

    def __init__(self) -> None:
        super().__init__()
        self.prediction = _field("masks to judge", "Folder of the masks to judge")
        self.reference = _field("true masks, of the same names", "Folder of the true masks")
        self.against = _field("a second model's masks (optional)", "Folder of a second model")
        self.images = _field("images, for pictures (optional)", "Folder of the images")
        self.names = QLineEdit()
        self.names.setPlaceholderText("1=nerve, 2=vessel (optional)")
        self.names.setToolTip("Names of the classes, where the files name none")
        self.resample = QCheckBox("Resample where grids differ")
        self.resample.setToolTip("Where a mask lies on another grid, take the nearest label")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(
            form(
                [
                    ("Masks", self.prediction),
                    ("Reference", self.reference),
                    ("Against", self.against),
                    ("Images", self.images),
                    ("Classes are", self.names),
                    ("", self.resample),
                ]
            )
        )

    def request(self, options: MeasureOptions) -> FileComparison:
        """Give what is chosen.

        Raises
        ------
        InvalidOptionError
            If a folder is not chosen, both models are the same, or a class has no name.
        """
        first, reference = self.prediction.path, self.reference.path
        if first is None or reference is None:
            raise InvalidOptionError(
                "Two folders are needed, one of the masks to judge and one of the true masks; a "
                "single file of each will do too."
            )
        models = {base_name(first): first}
        second = self.against.path
        if second is not None:
            name = base_name(second)
            if second == first:
                raise InvalidOptionError("Both models are the same folder: choose another one.")
            models[name if name not in models else f"{second.parent.name}/{name}"] = second
        return FileComparison(models, reference, options, self.images.path, self._names())

    def _names(self) -> dict[int, str] | None:
        text = self.names.text().strip()
        if not text:
            return None
        found = re.findall(r"\s*(\d+)\s*=\s*([^,]*[^,\s])\s*(?:,|$)", text)
        if not found or len(found) != text.count("="):
            raise InvalidOptionError(
                f"{text!r} does not name classes; write for example 1=nerve, 2=vessel."
            )
        return {int(value): name for value, name in found}


def _field(placeholder: str, title: str) -> PathField:
    field = PathField(placeholder, {"Choose…": (title, _ask_folder)})
    field.setToolTip(f"{title}; a file can be dropped here or typed as well")
    return field


def _ask_folder(dialog: QFileDialog) -> None:
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly, False)
