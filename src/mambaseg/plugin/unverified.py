"""The choice to leave alone what a person has verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.compat import isalive
from qtpy.QtWidgets import QCheckBox

from mambaseg.plugin.correction import known_correction
from mambaseg.plugin.runs import results_of, verified_of
from mambaseg.session import ClipCorrections

if TYPE_CHECKING:
    import napari
    from napari.layers import Image

__all__ = ["UnverifiedOnly"]


class UnverifiedOnly(QCheckBox):
    """Offers, where a layer's newest mask has verified frames, to segment only the others.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the masks are.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__("Only frames that nobody verified")
        self.setToolTip("Verified frames are not computed again; they are copied as they are")
        self._viewer = viewer
        self._image: Image | None = None
        self._clip: ClipCorrections | None = None
        self.hide()

    @property
    def verified_mask(self) -> Labels | None:
        """The mask whose verified frames are left alone; None where that is not wanted."""
        return self._mask if self.isVisibleTo(self.parentWidget()) and self.isChecked() else None

    @property
    def _mask(self) -> Labels | None:
        image = self._image
        found = results_of(self._viewer, image) if image is not None else []
        return found[0] if found else None

    def show_image(self, image: Image | None) -> None:
        """Look at the newest mask of an image layer, and watch what is verified of it."""
        self._image = image
        mask = self._mask
        correction = known_correction(mask) if mask is not None else None
        clip = correction.clip if correction is not None else None
        if clip is not self._clip:
            if self._clip is not None:
                self._clip.changed.disconnect(self._update)
            self._clip = clip
            if clip is not None:
                clip.changed.connect(self._update)
        self._update()

    def _update(self) -> None:
        if not isalive(self):
            return
        count = len(verified_of(self._mask))
        self.setText(f"Only frames that nobody verified ({count} {'is' if count == 1 else 'are'})")
        self.setVisible(count > 0)
