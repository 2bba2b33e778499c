"""The panel that segments a layer."""

from __future__ import annotations

import napari.viewer
from napari.layers import Image, Labels
from napari.utils.notifications import show_info, show_warning
from qtpy.QtWidgets import QCheckBox, QComboBox, QSizePolicy

from mambaseg.inference import Options
from mambaseg.plugin.add_model import AddModelButton
from mambaseg.plugin.ask_again import ask_again
from mambaseg.plugin.box_choice import BoxChoice
from mambaseg.plugin.channel_rows import ChannelRows
from mambaseg.plugin.estimate_line import EstimateLine
from mambaseg.plugin.frame_range import FrameRange
from mambaseg.plugin.from_layers import image_of
from mambaseg.plugin.keys import add_shortcut
from mambaseg.plugin.layer_choice import LayerChoice
from mambaseg.plugin.model_choice import ModelCombo
from mambaseg.plugin.panel import Panel
from mambaseg.plugin.parts import Note, form
from mambaseg.plugin.preferences import preferences
from mambaseg.plugin.run import Run
from mambaseg.plugin.run_view import RunView
from mambaseg.plugin.runs import results_of, verified_of, warm_up
from mambaseg.plugin.unverified import UnverifiedOnly
from mambaseg.session import Request, choose_models, summarise_image
from mambaseg.types import MedicalImage
from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.network_input import VolumeInput
from mambaseg.types.trained_model import TrainedModel

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
        self._make_fields()
        self._make_layout()
        self._layer_changed()
        self._models_changed()
        self._show_ready()
        self.session.models_changed.connect(self._models_changed)
        self.session.default_changed.connect(self.model.choose)
        self.session.ready_changed.connect(self._show_ready)
        self.session.prepare()
        warm_up(self.session)
        self.view.follow()

    def _make_fields(self) -> None:
        self.layer = LayerChoice(self._viewer, Image, "no image layer")
        self.layer.layer_changed.connect(self._layer_changed)
        self.about_layer = Note()
        self.model = ModelCombo()
        self.model.setToolTip("Which model segments; those that do not fit the image are greyed")
        self.model.currentIndexChanged.connect(self._model_changed)
        self.add_model = AddModelButton(self, self._added, lambda text: self.view.say(text))
        self.about_model = Note()
        self.channels = ChannelRows(self._viewer)
        self.channels.changed.connect(self._check_channels)
        self.about_channels = Note()
        self.by_slice = QCheckBox("Slice by slice")
        self.by_slice.setToolTip("Offer models for pictures too, which see one slice at a time")
        self.by_slice.toggled.connect(self._models_changed)
        self.mirror = QCheckBox("Average with mirror images")
        self.mirror.toggled.connect(self._choice_changed)
        self.mirror.setToolTip("Steadier borders, for four times the time, or eight of a volume")
        self.engine = Note("Loading the engine…")
        self.device = QComboBox()
        self.device.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.device.addItem("fastest", "auto")
        self.device.currentIndexChanged.connect(self._show_engine)
        self.device.currentIndexChanged.connect(self._choice_changed)
        self.device.setToolTip(
            "What computes: a graphics card (cuda, xpu, mps) or the processor (cpu)"
        )
        self.frames = FrameRange()
        self.frames.changed.connect(self._choice_changed)
        self.unverified = UnverifiedOnly(self._viewer)
        self.unverified.toggled.connect(self._choice_changed)
        self.box = BoxChoice(self._viewer)
        self.box.changed.connect(self._choice_changed)
        self.needs = EstimateLine(self.session, self._request)
        self.view = RunView(self._viewer, self.session, self._start)
        self.view.changed.connect(self._show_run)
        self.view.doubt.appeared.connect(lambda: self.bring_into_sight(self.view.doubt))
        self.run_button, self.cancel_button = self.view.run_button, self.view.cancel_button
        self.bar, self.progress = self.view.bar, self.view.progress
        add_shortcut(self, "segment.run", self._start)
        add_shortcut(self, "segment.stop", self.view.cancel)

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
        for part in (self.unverified, self.box, self.needs, self.view, self.engine):
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
        self._show_engine()
        self.view.turn_to_image(layer)  # which shows the run
        self._choices.setRowVisible(self.by_slice, kind == "volume")
        self._models_changed()

    def _models_changed(self) -> None:
        models = self.session.models or []
        self.model.show_choices(choose_models(models, self._image, by_slice=self._slicing))

    def _model_changed(self) -> None:
        choice = self.model.choice
        if choice is not None:
            card, recipe = choice.model.card, choice.model.recipe
            finds = f"{recipe.network}: {', '.join(recipe.labels.values())}."
            about = (card.description or finds, card.intended_use, choice.note, choice.warning)
            self.about_model.setText(" ".join(filter(None, about)))
            self.model.setToolTip(choice.model.name)
        elif self.session.models is None:
            self.about_model.setText("Looking for models…")
        else:
            self.about_model.setText(self.model.reason or "There is no model yet; add one.")
        taken = choice.model.recipe.input if choice is not None else None
        self.mirror.setVisible(taken is not None)
        self.mirror.setChecked(isinstance(taken, VolumeInput) and bool(taken.mirror_axes))
        combines = choice is not None and choice.combines
        wanted = choice.model.recipe.channels if choice is not None and combines else ()
        self.channels.show_channels(wanted, self.layer.layer)
        self._check_channels()

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
        self._choice_changed()

    def _choice_changed(self) -> None:
        self.needs.renew()

    def _show_ready(self) -> None:
        ready = self.session.ready
        if ready is None:
            return
        if ready.problem:
            self.engine.setText(ready.problem)
            return
        wanted = preferences.get("computing", "device")
        for name in ready.backends:
            if self.device.findData(name) < 0:
                self.device.addItem(name, name)
                if name.split(":")[0] == wanted and self.device.currentIndex() == 0:
                    self.device.setCurrentIndex(self.device.count() - 1)
        self.device.setItemText(0, f"fastest ({next(iter(ready.backends))})")
        self._show_engine()
        self._choice_changed()

    def _show_engine(self) -> None:
        ready, name = self.session.ready, self.device.currentData()
        if ready is not None and not ready.problem:
            device = next(iter(ready.backends)) if name == "auto" else name
            backend = ready.backends[device]
            self.engine.setText(f"Will run on {device}, scan backend {backend}.")

    def _show_run(self) -> None:
        run, layer = self.view.run, self.layer.layer
        if run is not None and run.runs_on:
            self.engine.setText(f"{'Runs' if run.active else 'Ran'} on {run.runs_on}.")
        self.unverified.show_image(layer)
        self.box.show_image(layer)
        found = results_of(self._viewer, layer) if layer is not None else []
        self.view.doubt.show_layer(found[0] if found else None)

    # What the buttons do

    def _start(self) -> None:
        problem = self._problem()
        if problem:
            show_warning(problem)
            self.view.say(problem)
            return
        earlier = results_of(self._viewer, self.layer.layer)
        if not earlier:
            self._begin(None)
            return
        ask_again(
            self,
            earlier[0],
            lambda: self._begin(earlier[0] if earlier[0] in self._viewer.layers else None),
            lambda: self._begin(None),
        )

    def _problem(self) -> str:
        """Why nothing can be run; "" where it can."""
        if self._image is None:
            return self.about_layer.text()
        if self.session.models is None:
            return "The models are still being looked for; try again in a moment."
        if self.model.choice is None:
            return self.about_model.text()
        return self.about_channels.text()

    def _request(self, replaces: Labels | None = None) -> Request | None:
        """Give what Run asks for, if it can."""
        choice = self.model.choice
        if choice is None or self._image is None or self._problem():
            return None
        verified = self.unverified.verified_mask
        by_slice = self._slicing and choice.model.recipe.kind == "image"
        options = Options(
            frames=self.frames.frames if self._image.kind == "video" else None,
            skip=verified_of(verified),
            box=self._box(by_slice),
            mirror=self.mirror.isChecked(),
            by_slice=by_slice,
        )
        base = replaces if replaces is not None else verified
        return Request(
            self.channels.image if choice.combines else self._image,
            choice.model,
            self.device.currentData(),
            options,
            base=None if base is None else base.data,
        )

    def _box(self, by_slice: bool) -> tuple[slice, ...] | None:
        """Give the box that is wanted, with all slices of what is seen as a volume."""
        box = self.box.box
        if box is None or self._image is None or "Z" not in self._image.axes or by_slice:
            return box
        return slice(0, self._image.spatial_shape[0]), *box

    def _begin(self, replaces: Labels | None) -> None:
        request, choice = self._request(replaces), self.model.choice
        if request is None or choice is None:
            return
        if choice.note:
            show_info(choice.note)
        Run(self._viewer, self.session, self.layer.layer, request, replaces)
        self.view.follow()

    def _added(self, model: TrainedModel) -> None:
        self.view.say(f"Added {model.name}.")
        if not self.model.choose(model):
            reasons = [choice.reason for choice in choose_models([model], self._image)]
            show_warning(f"{model.name} was added, but cannot be chosen: {reasons[0]}")
