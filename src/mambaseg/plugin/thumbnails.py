"""Held-out frames in small: what the parent found on them, and what is found now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QGridLayout, QLabel, QToolButton, QWidget

from mambaseg.plugin.notices import report
from mambaseg.plugin.picture import pixmap_of
from mambaseg.session import Worker
from mambaseg.session.tuning_pictures import paint_view
from mambaseg.training.held_out_views import HeldOutViews

__all__ = ["Thumbnails"]

_SIZE = (64, 48)
_MOST = 4
_MARK = "QToolButton:checked { border: 2px solid #5b7be0; }"
_TIP = "{case}, {unit} {frame}, held out. Outlined in white: what was verified. Click to compare"

Painted = list[NDArray[np.uint8] | None]


class Thumbnails(QWidget):
    """Two rows of pictures, a column a frame; drawn in the background.

    Parameters
    ----------
    worker : Worker
        Draws.
    guarded : callable
        As of `Panel.guarded`.
    """

    chosen = Signal(int)
    """The number of the frame, among those that are shown, that was clicked on."""

    def __init__(self, worker: Worker, guarded: Callable[..., Callable[..., None]]) -> None:
        super().__init__()
        self._worker, self._guarded = worker, guarded
        self._wanted: tuple[HeldOutViews, str] | None = None
        self._drawn: tuple[HeldOutViews, str] | None = None
        self._busy = False
        self.titles = [QLabel("before"), QLabel("now")]
        self.pictures = [[self._picture(column) for column in range(_MOST)] for _ in range(2)]
        self.captions = [QLabel() for _ in range(_MOST)]
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        for row, pictures in enumerate(self.pictures):
            grid.addWidget(self.titles[row], row, 0)
            for column, picture in enumerate(pictures):
                grid.addWidget(picture, row, column + 1)
        for column, caption in enumerate(self.captions):
            caption.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            grid.addWidget(caption, 2, column + 1)
        grid.setColumnStretch(_MOST + 1, 1)
        self.setToolTip("Held-out frames: what the model found, and in white what was verified")
        self.hide()

    def _picture(self, column: int) -> QToolButton:
        made = QToolButton()
        made.setCheckable(True)
        made.setAutoRaise(True)
        made.setStyleSheet(_MARK)
        made.setIconSize(QSize(*_SIZE))
        made.setFixedSize(_SIZE[0] + 6, _SIZE[1] + 6)
        made.clicked.connect(lambda: self._click(column))
        return made

    def show_views(self, views: HeldOutViews | None, stage: str) -> None:
        """Show views, the lower row of one of `held_out_views.STAGES`; hidden without any."""
        self.setVisible(views is not None)
        self._wanted = (views, stage) if views is not None else None
        if self._wanted is not None and not self._busy and self._wanted != self._drawn:
            self._draw(*self._wanted)

    def choose(self, column: int) -> None:
        """Mark a frame."""
        for pictures in self.pictures:
            for index, picture in enumerate(pictures):
                picture.setChecked(index == column)

    def _click(self, column: int) -> None:
        self.choose(column)
        self.chosen.emit(column)

    def _draw(self, views: HeldOutViews, stage: str) -> None:
        self._busy = True
        ratio = self.devicePixelRatioF()
        size = round(_SIZE[0] * ratio), round(_SIZE[1] * ratio)

        def work(task: Any) -> list[Painted]:
            shown = views.views[:_MOST]
            return [
                [paint_view(view, views.label_set, one, size) for view in shown]
                for one in ("before", stage)
            ]

        def drawn(painted: list[Painted]) -> None:
            self._busy, self._drawn = False, (views, stage)
            self._show(views, stage, painted)
            if self._wanted is not None and self._wanted != self._drawn:
                self._draw(*self._wanted)

        def failed(error: Exception) -> None:
            self._busy, self._drawn = False, (views, stage)  # once is enough
            report(error)

        self._worker.submit(work, self._guarded(drawn), self._guarded(failed))

    def _show(self, views: HeldOutViews, stage: str, painted: list[Painted]) -> None:
        self.titles[1].setText("now" if stage == "now" else "after")
        self.titles[0].setVisible(any(picture is not None for picture in painted[0]))
        for pictures, found in zip(self.pictures, painted, strict=True):
            for column, button in enumerate(pictures):
                picture = found[column] if column < len(found) else None
                button.setVisible(picture is not None)
                if picture is not None:
                    button.setIcon(QIcon(pixmap_of(picture)))
        for column, caption in enumerate(self.captions):
            caption.setVisible(column < len(views.views))
            if column < len(views.views):
                view = views.views[column]
                dice = view.dice.get(stage)
                caption.setText(f"{view.frame}" + (f": {dice:.2f}" if dice is not None else ""))
                tip = _TIP.format(case=view.case, unit=views.unit, frame=view.frame)
                for pictures in self.pictures:
                    pictures[column].setToolTip(tip)
                caption.setToolTip(f"Number of the {views.unit}: its Dice {self.titles[1].text()}")
