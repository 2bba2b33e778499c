"""Plots as pictures, drawn without a screen and in any thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Canvas", "Curve", "Drawing", "draw_curves", "draw_run"]

_DPI = 96


@dataclass(frozen=True)
class Canvas:
    """What is drawn on.

    Parameters
    ----------
    width, height : int
        In pixels of the window.
    ratio : float
        Pixels of the screen per pixel of the window.
    background, text : str
        Colours as #RRGGBB.
    """

    width: int
    height: int
    ratio: float = 1.0
    background: str = "#ffffff"
    text: str = "#000000"


@dataclass(frozen=True)
class Curve:
    """A named line of points; NaN leaves a gap."""

    name: str
    color: str
    x: Sequence[float]
    y: Sequence[float]
    dashed: bool = False


@dataclass(frozen=True)
class Drawing:
    """A drawn plot.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (Y, X, 4)
        Red, green, blue, alpha.
    left, right : float
        Where the axes begin and end, as fractions of the width.
    x_left, x_right : float
        What stands there.
    """

    pixels: NDArray[np.uint8]
    left: float
    right: float
    x_left: float
    x_right: float

    def x_at(self, fraction: float) -> float | None:
        """Give what stands at a fraction of the width; None beside the axes."""
        if not self.left <= fraction <= self.right:
            return None
        part = (fraction - self.left) / (self.right - self.left)
        return self.x_left + part * (self.x_right - self.x_left)


def draw_run(
    canvas: Canvas,
    losses: Sequence[tuple[float, float]],
    dices: Sequence[tuple[float, Mapping[str, float]]],
    before: Mapping[str, float] | None,
    colors: Mapping[str, str],
) -> Drawing:
    """Draw held-out Dice by class, with the parent's as a line, above the loss.

    Parameters
    ----------
    canvas : Canvas
    losses : sequence of (float, float)
        Seconds and loss.
    dices : sequence of (float, mapping of str to float)
        Seconds and Dice by class.
    before : mapping of str to float, or None
        The parent's Dice by class.
    colors : mapping of str to str
        Colour of each class.
    """
    figure = _figure(canvas)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    for name in colors:
        points = [(seconds / 60, dice[name]) for seconds, dice in dices if name in dice]
        if points:
            top.plot(*zip(*points, strict=True), "o-", ms=3, lw=1.6, color=colors[name], label=name)
        if before and name in before:
            top.axhline(before[name], color=colors[name], ls="--", lw=1.2)
    if before:
        top.plot([], [], ls="--", lw=1.2, color=canvas.text, label="parent")
    if losses:
        bottom.plot(*zip(*((s / 60, loss) for s, loss in losses), strict=True), color=canvas.text)
    top.set_ylim(-0.02, 1.02)
    top.set_ylabel("held-out Dice")
    bottom.set_ylabel("loss")
    bottom.set_xlabel("minutes")
    bottom.set_xlim(left=0)
    bottom.set_ylim(bottom=0)
    for axes in (top, bottom):
        _style(axes, canvas)
    _legend(top, canvas)
    return _drawing(figure, bottom)


def draw_curves(
    canvas: Canvas,
    curves: Sequence[Curve],
    y_label: str,
    marker: float | None = None,
    x_label: str = "frame",
    ratio: bool = True,
) -> Drawing:
    """Draw curves of a measure over frames or slices.

    Parameters
    ----------
    canvas : Canvas
    curves : sequence of Curve
        Points may be missing.
    y_label : str
        Name of the measure.
    marker : float, optional
        A frame to mark.
    x_label : str
        What is counted.
    ratio : bool
        Whether the measure goes from 0 to 1, and the axis with it.
    """
    from matplotlib.ticker import MaxNLocator

    figure = _figure(canvas)
    axes = figure.subplots()
    for curve in curves:
        line = "o--" if curve.dashed else "o-"
        axes.plot(curve.x, curve.y, line, ms=2.5, lw=1.3, color=curve.color, label=curve.name)
    if marker is not None:
        axes.axvline(marker, color=canvas.text, lw=1, alpha=0.7)
    if ratio:
        axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel(y_label)
    axes.set_xlabel(x_label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _style(axes, canvas)
    _legend(axes, canvas)
    return _drawing(figure, axes)


def _figure(canvas: Canvas) -> Figure:
    # Loaded with the first plot; and without pyplot, which belongs to one thread.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = (max(canvas.width, 120) / _DPI, max(canvas.height, 80) / _DPI)
    figure = Figure(size, dpi=_DPI * canvas.ratio, facecolor=canvas.background)
    figure.set_layout_engine("constrained")
    FigureCanvasAgg(figure)
    return figure


def _style(axes: Axes, canvas: Canvas) -> None:
    axes.set_facecolor(canvas.background)
    axes.tick_params(colors=canvas.text, labelsize=8, length=3)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(color=canvas.text, fontsize=8)
    for side in axes.spines.values():
        side.set(color=canvas.text, alpha=0.4)
    axes.grid(color=canvas.text, alpha=0.15, lw=0.6)


def _legend(axes: Axes, canvas: Canvas) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            fontsize=7, labelcolor=canvas.text, facecolor=canvas.background, framealpha=0.7
        ).get_frame().set_edgecolor("none")


def _drawing(figure: Figure, axes: Axes) -> Drawing:
    agg: Any = figure.canvas
    agg.draw()
    pixels = np.asarray(agg.buffer_rgba()).copy()
    box, limits = axes.get_position(), axes.get_xlim()
    return Drawing(pixels, float(box.x0), float(box.x1), float(limits[0]), float(limits[1]))
