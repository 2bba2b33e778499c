"""A new model on the frames that nobody verified, at one press."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels
from napari.utils.notifications import show_warning
from qtpy.compat import isalive
from qtpy.QtWidgets import QVBoxLayout, QWidget

from mambaseg.inference import Options
from mambaseg.plugin.from_layers import image_of
from mambaseg.plugin.mask_image import clip_of
from mambaseg.plugin.parts import Note, ProgressBar, button
from mambaseg.plugin.run import Run
from mambaseg.plugin.runs import verified_of
from mambaseg.session import Request, Session, choose_models
from mambaseg.types import LabelSet
from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.trained_model import TrainedModel

if TYPE_CHECKING:
    import napari

__all__ = ["Resegment"]

_TIP = (
    "Replace the masks of all frames that nobody verified by what the new model finds; verified "
    "frames stay as they are, and Ctrl+Z on the mask leads back"
)
_GONE = (
    "The mask with its verified frames is not open any more: open it again, and press Run in the "
    "Segment panel."
)


class Resegment(QWidget):
    """Offers to segment the open frames of the mask that is being corrected; else hidden.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose masks.
    session : Session
        Who segments.
    """

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        super().__init__()
        self._viewer, self._session = viewer, session
        self._model: TrainedModel | None = None
        self._run: Run | None = None
        self.press = button("Segment the open frames", _TIP, self._start)
        self.bar = ProgressBar()
        self.said = Note()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for part in (self.said, self.press, self.bar):
            layout.addWidget(part)
        self.hide()

    def offer(self, model: TrainedModel | None) -> None:
        """Offer it for a model, if there is a mask that it fits; hidden for None."""
        self._model, mask = model, None
        if model is not None:
            mask = self._mask(model)
        self.setVisible(mask is not None)
        if mask is not None and model is not None:
            open_ = mask.data.shape[0] - len(verified_of(mask))
            self.press.setText(f"Segment the {open_} open frames again")
            self.press.show()
            self.bar.hide()
            self.said.setText(
                f"{model.name} is kept. {open_} frames of {mask.name!r} are not verified."
            )

    def _mask(self, model: TrainedModel) -> Labels | None:
        """Give the mask that is meant: the active one, else the newest."""
        active = self._viewer.layers.selection.active
        found = [one for one in reversed(self._viewer.layers) if self._fits(one, model)]
        return active if active in found else (found[0] if found else None)

    def _fits(self, layer: object, model: TrainedModel) -> bool:
        if not isinstance(layer, Labels) or not 0 < len(verified_of(layer)) < layer.data.shape[0]:
            return False
        classes, image = layer.metadata.get("label_set"), clip_of(self._viewer, layer)
        if image is None or not isinstance(classes, LabelSet):
            return False
        if classes.names != model.recipe.labels:
            return False
        try:
            (choice,) = choose_models([model], image_of(image), by_slice=True)
        except UnsupportedImageError:
            return False
        return choice.fits and not choice.combines

    def _start(self) -> None:
        model = self._model
        mask = self._mask(model) if model is not None else None
        image = clip_of(self._viewer, mask) if mask is not None else None
        if model is None or mask is None or image is None:
            show_warning(_GONE)
            self.hide()
            return
        given = image_of(image)
        options = Options(
            skip=verified_of(mask),
            by_slice=model.recipe.kind == "image" and given.kind == "volume",
        )
        request = Request(given, model, "auto", options, base=mask.data)
        self._run = Run(self._viewer, self._session, image, request, mask)
        self._run.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        run = self._run
        if run is None or not isalive(self):
            return
        self.press.setVisible(not run.active and run.labels not in self._viewer.layers)
        self.said.setText(run.text)
        self.bar.show_progress(run.done, run.total if run.done or not run.active else 0)
        self.bar.setVisible(run.active)
