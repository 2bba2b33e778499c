"""A picture in a panel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QLabel

__all__ = ["Picture", "pixmap_of"]

_LARGEST = QSize(300, 180)


def pixmap_of(picture: NDArray[np.uint8]) -> QPixmap:
    """Give an array of uint8, shape (Y, X, 3), red, green, blue, as Qt's picture."""
    height, width, _ = picture.shape
    pixels = np.ascontiguousarray(picture)
    view = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(view.copy())


class Picture(QLabel):
    """Shows red, green, blue, made smaller or larger to fit; hidden without a picture."""

    def __init__(self, tooltip: str) -> None:
        super().__init__()
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setMinimumWidth(1)
        self.setToolTip(tooltip)
        self.hide()

    def show_picture(self, picture: NDArray[np.uint8] | None) -> None:
        """Show an array of uint8, shape (Y, X, 3), or nothing."""
        self.setVisible(picture is not None)
        if picture is None:
            return
        self.setPixmap(
            pixmap_of(picture).scaled(
                _LARGEST,
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        )
