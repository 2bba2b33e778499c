"""How an overlay looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from pydantic import ConfigDict

__all__ = ["Layout", "OverlayStyle"]

Mode = Literal["fill", "contour"]
Layout = Literal["overlay", "beside", "before_after"]

_LARGEST_SCALE = 16


@dataclass(frozen=True)
class OverlayStyle:
    """How masks are drawn over a picture.

    Parameters
    ----------
    mode : {"fill", "contour"}
        Tint the inside of each class, or draw its outline.
    opacity : float
        Weight of the class colour in a tinted pixel, 0 to 1; ``fill`` only.
    contour_width : int
        Width of an outline in pixels of the enlarged picture, drawn inside the
        class's boundary; ``contour`` only.
    legend : bool
        Name the classes in a corner of the picture.
    scale : int
        How many times larger than the image the picture is along y and x, 1 to
        16. Intensities are interpolated, labels repeated; outlines and legend
        are drawn at the larger size.
    blank_outside : bool
        Make black what lies outside an ultrasound picture, which may be text
        about the patient.
    layout : {"overlay", "beside", "before_after"}
        The overlay alone; the bare image on its left; or the overlays of an
        earlier mask and of this one.
    scale_bar : bool
        Draw a bar of a round length in mm, where the spacing is known.
    time_stamp : bool
        Write each frame's time in seconds, where it is known.

    Raises
    ------
    ValueError
        If a value is outside its range.
    """

    mode: Mode = "fill"
    opacity: float = 0.4
    contour_width: int = 1
    legend: bool = True
    scale: int = 1
    blank_outside: bool = True
    layout: Layout = "overlay"
    scale_bar: bool = False
    time_stamp: bool = False

    # Where a file holds it: a typing error is not passed over.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise ValueError(f"mode must be one of {get_args(Mode)}; got {self.mode!r}.")
        if self.layout not in get_args(Layout):
            raise ValueError(f"layout must be one of {get_args(Layout)}; got {self.layout!r}.")
        if not 0 <= self.opacity <= 1:
            raise ValueError(f"opacity must be from 0 to 1; got {self.opacity}.")
        if not isinstance(self.contour_width, int) or self.contour_width < 1:
            raise ValueError(
                f"contour_width must be a whole number from 1; got {self.contour_width}."
            )
        if not isinstance(self.scale, int) or not 1 <= self.scale <= _LARGEST_SCALE:
            raise ValueError(
                f"scale must be a whole number from 1 to {_LARGEST_SCALE}; got {self.scale}."
            )
