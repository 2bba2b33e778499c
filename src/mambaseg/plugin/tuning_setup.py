"""What a fine-tuning run needs to know: data, model, budget."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy, QVBoxLayout, QWidget

from mambaseg.plugin.budget_field import BudgetField
from mambaseg.plugin.held_out_tree import Frames, HeldOutTree
from mambaseg.plugin.model_choice import ModelCombo
from mambaseg.plugin.notices import report
from mambaseg.plugin.parts import Note, form
from mambaseg.plugin.tuning_advanced import TuningAdvanced
from mambaseg.session import LearningData, Session, choose_models, list_learning_data
from mambaseg.training import FineTuningConfig, propose_held_out, split_frames, split_margin

if TYPE_CHECKING:
    from mambaseg.training import FrameSplit

__all__ = ["TuningSetup"]

_NOTHING = (
    "No frame is verified yet, so there is nothing to learn from: correct some frames of a mask "
    "and verify them in the Correct panel (V), five well spread ones for a start."
)


class TuningSetup(QWidget):
    """Fields for a FineTuningConfig.

    Parameters
    ----------
    session : Session
        Whose models; its worker reads the stores.
    guarded : callable
        As of `Panel.guarded`.
    """

    changed = Signal()

    def __init__(self, session: Session, guarded: Callable[..., Callable[..., None]]) -> None:
        super().__init__()
        self._session, self._guarded = session, guarded
        self._found: list[LearningData] | None = None
        self._offered_for: Path | None = None
        self._ticked = False
        self.data = QComboBox()
        self.data.setToolTip("Verified frames are kept apart by classes and kind of image")
        self.data.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.data.currentIndexChanged.connect(self._data_changed)
        self.frames = HeldOutTree()
        self.frames.changed.connect(self._tick)
        self.about_frames = Note()
        self.model = ModelCombo()
        self.model.setToolTip("The model to start from; it stays as it is")
        self.model.currentIndexChanged.connect(self._propose)
        self.budget = BudgetField()
        self.advanced = TuningAdvanced()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(form([("Data", self.data)]))
        layout.addWidget(self.frames)
        layout.addWidget(self.about_frames)
        layout.addLayout(form([("Model", self.model), ("Budget", self.budget)]))
        layout.addWidget(self.advanced)
        self.frames.hide()

    @property
    def chosen(self) -> LearningData | None:
        """The data that are chosen."""
        index = self.data.currentIndex()
        return self._found[index] if self._found and 0 <= index < len(self._found) else None

    @property
    def split(self) -> FrameSplit | None:
        """What each verified frame is used for."""
        data = self.chosen
        if data is None:
            return None
        return split_frames(data.verified, self.frames.held_out, margin=self._margin)

    @property
    def problem(self) -> str:
        """Why no run can start; "" where one can."""
        split, choice = self.split, self.model.choice
        if self._found is None or self._session.models is None:
            return "Data and models are still being looked for; try again in a moment."
        if split is None:
            return _NOTHING
        if choice is None:
            return self.model.reason or "There is no model yet; add one in the Segment panel."
        if not split.training:
            return (
                "All verified frames are held out or next to held-out ones, so none is left to "
                "train: untick some, or verify more."
            )
        return ""

    @property
    def config(self) -> FineTuningConfig:
        """What the fields say; ask for `problem` first."""
        data, choice = self.chosen, self.model.choice
        assert data is not None and choice is not None  # noqa: S101
        return FineTuningConfig(
            model=str(choice.model.path),
            data=str(data.path),
            budget=self.budget.budget,
            trains=self.advanced.chosen_trains,
            layer_decay=round(self.advanced.layer_decay.value(), 2),
            replay=self.advanced.replayed,
            held_out=self.frames.held_out,
        )

    @property
    def _margin(self) -> int:
        choice = self.model.choice
        return split_margin(choice.model.recipe) if choice is not None else 2

    def read(self) -> None:
        """Have the stores read again."""
        self._session.files.submit(
            lambda task: list_learning_data(), self._guarded(self._show), self._guarded(report)
        )

    def _show(self, news: tuple[list[LearningData], list[str]]) -> None:
        before = self.chosen
        self._found, problems = news
        self.data.blockSignals(True)
        self.data.clear()
        self.data.addItems([str(data) for data in self._found] or ["no verified frames yet"])
        paths = [data.path for data in self._found]
        if before is not None and before.path in paths:
            self.data.setCurrentIndex(paths.index(before.path))
        self.data.blockSignals(False)
        self.data.setEnabled(bool(self._found))
        if self.chosen is None or self.chosen != before:
            self._data_changed()
        if problems:
            self.about_frames.setText(" ".join([self.about_frames.text(), *problems]).strip())

    def _data_changed(self) -> None:
        data = self.chosen
        self.data.setToolTip(str(data.path) if data is not None else "")
        self.frames.setVisible(data is not None)
        self.models_changed()

    def models_changed(self) -> None:
        """List the models that fit the data."""
        data, models = self.chosen, self._session.models or []
        path = data.path if data is not None else None
        if path != self._offered_for:  # what was chosen for other data says nothing of these
            self._offered_for, self._ticked = path, False
            self.model.show_choices([])
        if data is not None:
            classes = data.label_set.names.values()
            fitting = choose_models(models, data.example, to_train=True, classes=classes)
            self.model.show_choices(fitting)
        self._propose()

    def _propose(self, index: int = 0) -> None:
        """Propose frames to hold out, in the background, unless the user has ticked some."""
        data, margin = self.chosen, self._margin
        self.advanced.show_model(self.model.choice.model if self.model.choice else None)
        if data is None:
            self.about_frames.setText(_NOTHING if self._found is not None else "")
            self.changed.emit()
            return

        def show(proposed: Frames) -> None:
            if self.chosen == data:
                held_out = self.frames.held_out if self._ticked else proposed
                self.frames.show_frames(data.verified, held_out)
                self._split()

        if self._ticked:
            show({})
            return
        self._session.files.submit(
            lambda task: propose_held_out(data.verified, margin=margin),
            self._guarded(show),
            self._guarded(report),
        )

    def _tick(self) -> None:
        self._ticked = True
        self._split()

    def _split(self) -> None:
        split = self.split
        if split is None:
            return
        self.frames.show_split(split)
        left_out = sum(map(len, split.left_out.values()))
        text = f"{split.n_training} train, {split.n_held_out} held out"
        if left_out:
            text += f", {left_out} too near to held-out ones for either"
        if not split.held_out:
            text += ". Without a held-out frame there is no score: verify more frames for one"
        self.about_frames.setText(f"{text}.")
        self.changed.emit()
