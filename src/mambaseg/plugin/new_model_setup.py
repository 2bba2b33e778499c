"""What a training from scratch needs to know: a folder, a recipe, a budget."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QLineEdit, QVBoxLayout, QWidget

from mambaseg.plugin.budget_field import BudgetField
from mambaseg.plugin.notices import report
from mambaseg.plugin.parts import Note, form
from mambaseg.plugin.path_field import PathField
from mambaseg.session import FolderChoice, NewTraining, Session, look_at_folder

__all__ = ["NewModelSetup"]

_HINT = (
    "A folder of images with masks: images/ and masks/ with equal names, an nnU-Net or Decathlon "
    "data set, BraTS, ACDC, or folders of frames. Part of the cases is held out for a score."
)


class NewModelSetup(QWidget):
    """Fields for a NewTraining.

    Parameters
    ----------
    session : Session
        Its worker looks at the folder.
    guarded : callable
        As of `Panel.guarded`.
    """

    def __init__(self, session: Session, guarded: Callable[..., Callable[..., None]]) -> None:
        super().__init__()
        self._session, self._guarded = session, guarded
        self._found: FolderChoice | None = None
        self.folder = PathField("data set", {"Choose…": ("Folder to learn from", _ask)})
        self.folder.changed.connect(self._look)
        self.about = Note(_HINT)
        self.recipe = QComboBox()
        self.recipe.setToolTip("How a paper trains its network")
        self.recipe.currentTextChanged.connect(self._propose_name)
        self.small = QCheckBox("Small network")
        self.small.setToolTip("For few cases, or a machine without a GPU")
        self.small.setChecked(True)
        self.name = QLineEdit()
        self.name.setPlaceholderText("name of the model")
        self.name.setToolTip("Under which the model is listed in the Segment panel")
        self.budget = BudgetField(minutes=30)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(form([("Folder", self.folder)]))
        layout.addWidget(self.about)
        layout.addLayout(
            form(
                [
                    ("Recipe", self.recipe),
                    ("", self.small),
                    ("Budget", self.budget),
                    ("Name", self.name),
                ]
            )
        )

    @property
    def problem(self) -> str:
        """Why no training can start; "" where one can."""
        if self._found is None:
            return "Choose a folder to learn from first."
        if not self.recipe.currentText():
            return "There is no recipe to train by."
        try:
            _ = self.config
        except ValueError:
            return "Give the model a name of letters, digits, spaces and _ . + - only."
        return ""

    @property
    def config(self) -> NewTraining:
        """What the fields say; ask for `problem` first."""
        return NewTraining(
            recipe=self.recipe.currentText(),
            data=str(self.folder.path),
            small=self.small.isChecked(),
            budget=self.budget.budget,
            name=self.name.text().strip(),
        )

    def _look(self, path: Path | None) -> None:
        self._found = None
        if path is None:
            self.about.setText(_HINT)
            return

        def show(found: FolderChoice) -> None:
            if self.folder.path == path:
                self._found = found
                self.about.setText(str(found))
                if not self.recipe.count():
                    self.recipe.addItems(found.recipes)
                self._propose_name()

        def failed(error: Exception) -> None:
            self.about.setText(report(error))

        self.about.setText("Looking at it…")
        self._session.files.submit(
            lambda task: look_at_folder(path), self._guarded(show), self._guarded(failed)
        )

    def _propose_name(self) -> None:
        if self._found is not None and not self.name.isModified():
            letters = self._found.dataset.path.resolve().name
            slug = "".join(one if one.isalnum() else "-" for one in letters).strip("-")
            self.name.setText(f"{self.recipe.currentText()}-{slug or 'data'}"[:80])
            self.name.setModified(False)


def _ask(dialog: QFileDialog) -> None:
    dialog.setFileMode(QFileDialog.FileMode.Directory)
