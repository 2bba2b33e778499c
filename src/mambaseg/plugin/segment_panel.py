"""The panel that segments a layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import napari.viewer
from napari.layers import Image, Labels
from napari.utils.notifications import show_info, show_warning
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QMessageBox,
    QSizePolicy,
)

from mambaseg.inference import Options
from mambaseg.plugin.channel_rows import ChannelRows
from mambaseg.plugin.frame_range import FrameRange
from mambaseg.plugin.from_layers import image_of
from mambaseg.plugin.import_dialog import ImportDialog
from mambaseg.plugin.layer_choice import LayerChoice
from mambaseg.plugin.model_choice import ModelCombo
from mambaseg.plugin.notices import report
from mambaseg.plugin.panel import Panel
from mambaseg.plugin.parts import Note, ProgressBar, button, form, row
from mambaseg.plugin.path_field import ask_for
from mambaseg.plugin.run import Run, results_of, run_of, warm_up
from mambaseg.session import Request, choose_models, summarise_image
from mambaseg.types import MedicalImage
from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.network_input import VolumeInput
from mambaseg.types.trained_model import TrainedModel

if TYPE_CHECKING:
    from mambaseg.zoo import ImportedCheckpoint

__all__ = ["SegmentPanel"]

_NO_LAYER = (
    "There is no image layer: open one with File > Open, File > Open Sample or the Load panel."
)


class SegmentPanel(Panel):
    """Chooses layer, model, device and frames, and shows the run.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self._image: MedicalImage | None = None
        self._run: Run | None = None
        self._make_fields()
        self._make_layout()
        self._layer_changed()
        self._models_changed()
        self._show_ready()
        self.session.models_changed.connect(self._models_changed)
        self.session.ready_changed.connect(self._show_ready)
        self.session.prepare()
        warm_up(self.session)
        running = run_of(self.session)
        if running is not None:
            self._follow(running)
        self._show_run()

    def _make_fields(self) -> None:
        self.layer = LayerChoice(self._viewer, Image, "no image layer")
        self.layer.layer_changed.connect(self._layer_changed)
        self.about_layer = Note()
        self.model = ModelCombo()
        self.model.currentIndexChanged.connect(self._model_changed)
        self.add_model = button(
            "Add model…",
            "Add a trained model of your own, or a checkpoint of the networks' authors",
            lambda: ask_for(self, "Add a trained model", _ask_model, self._add_model),
        )
        self.about_model = Note()
        self.channels = ChannelRows(self._viewer)
        self.channels.changed.connect(self._check_channels)
        self.about_channels = Note()
        self.by_slice = QCheckBox("Slice by slice")
        self.by_slice.setToolTip("Offer models for pictures too, which see one slice at a time")
        self.by_slice.toggled.connect(self._models_changed)
        self.mirror = QCheckBox("Average with mirror images")
        self.mirror.setToolTip("Steadier borders, for eight times the time along three axes")
        self.engine = Note("Loading the engine…")
        self.device = QComboBox()
        self.device.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.device.addItem("fastest", "auto")
        self.device.currentIndexChanged.connect(self._show_engine)
        self.device.setToolTip("What computes: a graphics card (cuda, mps) or the processor (cpu)")
        self.frames = FrameRange()
        self.run_button = button("Run", "Segment these frames (Ctrl+Return)", self._start)
        self.cancel_button = button(
            "Cancel", "Stop; finished frames are kept (Ctrl+.)", self._cancel
        )
        self.bar = ProgressBar()
        self.progress = Note()
        for key, slot in (("Ctrl+Return", self._start), ("Ctrl+.", self._cancel)):
            QShortcut(QKeySequence(key), self).activated.connect(slot)

    def _make_layout(self) -> None:
        self._choices = form(
            [
                ("Layer", self.layer),
                ("", self.about_layer),
                ("", self.by_slice),
                ("Model", self.model),
                ("", self.about_model),
                ("", self.add_model),
            ]
        )
        self.body.addLayout(self._choices)
        self.body.addWidget(self.channels)
        self.body.addWidget(self.about_channels)
        self.body.addWidget(self.mirror)
        self._fields = form([("Device", self.device), ("Frames", self.frames)])
        self.body.addLayout(self._fields)
        self.body.addLayout(row(self.run_button, self.cancel_button))
        for part in (self.bar, self.progress, self.engine):
            self.body.addWidget(part)

    # What the fields show

    def _layer_changed(self) -> None:
        layer, self._image = self.layer.layer, None
        text = _NO_LAYER
        if layer is not None:
            try:
                self._image = image_of(layer)
                text = summarise_image(self._image)
            except UnsupportedImageError as error:
                text = str(error)
        self.about_layer.setText(text)
        self.frames.set_length(self._image.n_frames if self._image else 1)
        kind = "" if self._image is None else self._image.kind
        self._fields.setRowVisible(self.frames, kind in ("", "video"))
        self._choices.setRowVisible(self.by_slice, kind == "volume")
        self._models_changed()

    def _models_changed(self) -> None:
        models = self.session.models or []
        self.model.show_choices(choose_models(models, self._image, by_slice=self._slicing))

    def _model_changed(self) -> None:
        choice = self.model.choice
        if choice is not None:
            card, recipe = choice.model.card, choice.model.recipe
            finds = f"{recipe.network}: {', '.join(recipe.labels.values())}"
            about = (card.description or finds, card.intended_use, choice.note)
            self.about_model.setText(" ".join(filter(None, about)))
            self.model.setToolTip(choice.model.name)
        elif self.session.models is None:
            self.about_model.setText("Looking for models…")
        else:
            self.about_model.setText(self.model.reason or "There is no model yet; add one.")
        taken = choice.model.recipe.input if choice is not None else None
        self.mirror.setVisible(isinstance(taken, VolumeInput))
        if isinstance(taken, VolumeInput):
            self.mirror.setChecked(bool(taken.mirror_axes))
        combines = choice is not None and choice.combines
        wanted = choice.model.recipe.channels if choice is not None and combines else ()
        self.channels.show_channels(wanted, self.layer.layer)
        self._check_channels()
        self._show_run()

    @property
    def _slicing(self) -> bool:
        """Whether models for pictures are wanted for a volume."""
        return (
            self.by_slice.isChecked() and self._image is not None and self._image.kind == "volume"
        )

    def _check_channels(self) -> None:
        """Say at once what is wrong with the layers that are chosen as channels."""
        problem = ""
        if self.channels.rows:
            try:
                _ = self.channels.image
            except UnsupportedImageError as error:
                problem = str(error)
        self.about_channels.setText(problem)

    def _show_ready(self) -> None:
        ready = self.session.ready
        if ready is None:
            return
        for name in ready.backends:
            if self.device.findData(name) < 0:
                self.device.addItem(name, name)
        self.device.setItemText(0, f"fastest ({next(iter(ready.backends))})")
        self._show_engine()

    def _show_engine(self) -> None:
        ready, name = self.session.ready, self.device.currentData()
        if ready is not None:
            device = next(iter(ready.backends)) if name == "auto" else name
            backend = ready.backends[device]
            self.engine.setText(f"Will run on {device}, scan backend {backend}.")

    def _show_run(self) -> None:
        run = self._run
        active = run is not None and run.active
        self.run_button.setEnabled(not active)
        self.cancel_button.setEnabled(active)
        self.layer.setEnabled(not active)
        if run is None:
            return
        self.bar.show_progress(run.done, run.total if run.done or not active else 0)
        self.progress.setText(run.text)
        if run.runs_on:
            self.engine.setText(f"{'Runs' if active else 'Ran'} on {run.runs_on}.")

    # What the buttons do

    def _start(self) -> None:
        if not self.run_button.isEnabled():
            return
        problem = self._problem()
        if problem:
            show_warning(problem)
            self.progress.setText(problem)
            return
        earlier = results_of(self._viewer, self.layer.layer)
        if not earlier:
            self._begin(None)
            return
        self._ask(earlier[0])

    def _problem(self) -> str:
        """Why nothing can be run; "" where it can."""
        if self._image is None:
            return self.about_layer.text()
        if self.session.models is None:
            return "The models are still being looked for; try again in a moment."
        if self.model.choice is None:
            return self.about_model.text()
        return self.about_channels.text()

    def _ask(self, earlier: Labels) -> None:
        """Ask what becomes of the earlier result."""
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Segment again")
        box.setText(f"There is a mask of this layer already: {earlier.name}")
        box.setInformativeText(
            "Replace its labels on the chosen frames, what was drawn on them included, "
            "or add a new layer? Verified frames stay as they are."
        )
        replace = box.addButton("Replace", QMessageBox.ButtonRole.DestructiveRole)
        add = box.addButton("Add", QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(add)

        def answered() -> None:
            if box.clickedButton() is replace:
                self._begin(earlier if earlier in self._viewer.layers else None)
            elif box.clickedButton() is add:
                self._begin(None)

        box.finished.connect(answered)
        box.open()

    def _begin(self, replaces: Labels | None) -> None:
        choice = self.model.choice
        if choice is None or self._image is None:
            return
        self.end_with_window()
        if choice.note:
            show_info(choice.note)
        film = self._image.kind == "video"
        request = Request(
            self.channels.image if choice.combines else self._image,
            choice.model,
            self.device.currentData(),
            Options(
                frames=self.frames.frames if film else None,
                mirror=self.mirror.isChecked(),
                by_slice=self._slicing and choice.model.recipe.kind == "image",
            ),
            base=None if replaces is None else replaces.data,
        )
        self._follow(Run(self._viewer, self.session, self.layer.layer, request, replaces))
        self._show_run()

    def _follow(self, run: Run) -> None:
        if self._run is not None:
            self._run.changed.disconnect(self._show_run)
        self._run = run
        run.changed.connect(self._show_run)

    def _cancel(self) -> None:
        if self._run is not None:
            self._run.cancel()

    def _add_model(self, path: Path) -> None:
        def added(model: TrainedModel) -> None:
            self.progress.setText(f"Added {model.name}.")
            if self.model.choose(model):
                return
            reasons = [c.reason for c in choose_models([model], self._image)]
            show_warning(f"{model.name} was added, but cannot be chosen: {reasons[0]}")

        def look(found: ImportedCheckpoint) -> None:
            self.progress.setText("")
            dialog = ImportDialog(self, self.session, path, found, self.guarded, added)
            dialog.finished.connect(dialog.deleteLater)
            dialog.open()

        self.progress.setText(f"Reading {path.name}…")
        self.session.add_file(
            path,
            self.guarded(added),
            self.guarded(look),
            self.guarded(lambda e: self.progress.setText(report(e))),
        )


def _ask_model(dialog: QFileDialog) -> None:
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilter("Models and checkpoints (*.safetensors *.pt *.pth *.ckpt *.bin)")
