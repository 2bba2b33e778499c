"""Compose the overlay of any frame of a segmented image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mambaseg.data.blanking import blanked
from mambaseg.data.window import GreyWindow, read_plane
from mambaseg.export.legend import Legend
from mambaseg.export.lettering import text_patch, text_size
from mambaseg.export.marks import Marks
from mambaseg.export.painting import paint
from mambaseg.export.style import OverlayStyle
from mambaseg.types import MedicalImage, Segmentation
from mambaseg.types.errors import InvalidOptionError, UnsupportedImageError

__all__ = ["FrameComposer", "overlay"]

_DEFAULT_STYLE = OverlayStyle()
_GAP = 4
"""Black columns between two pictures side by side."""


class FrameComposer:
    """Overlays of one image and its mask, one frame at a time.

    What all frames share, the grey window and the legend, is found once here.
    Three channels of uint8 are taken as red, green and blue as they are;
    otherwise the first channel is shown in grey.

    Parameters
    ----------
    image : MedicalImage
        Axes "CYX", "CTYX" or "CZYX"; a lazy array is read frame by frame.
    segmentation : Segmentation
        Labels on the image's grid.
    style : OverlayStyle
        How the mask is drawn.
    before : Segmentation or None
        The earlier mask, for the layout "before_after".

    Attributes
    ----------
    n_frames : int
        Number of pictures: frames of a video, z slices of a volume, or 1.
    size : tuple of int
        Height and width of the pictures in pixels.
    scale_bar_mm : float or None
        Length of the scale bar; None where none is drawn.

    Raises
    ------
    UnsupportedImageError
        If the image is a video of volumes, is empty, or has another shape than
        a mask.
    InvalidOptionError
        If the layout needs an earlier mask and there is none.
    """

    def __init__(
        self,
        image: MedicalImage,
        segmentation: Segmentation,
        style: OverlayStyle = _DEFAULT_STYLE,
        before: Segmentation | None = None,
    ) -> None:
        self._name = image.source or "The image"
        self._masks: list[Segmentation | None] = _masks(self._name, segmentation, style, before)
        for mask in self._masks:
            if mask is not None:
                _check(self._name, image, mask)
        self._image, self._style = image, style
        self._window = GreyWindow.of(image)
        self.n_frames = 1 if image.axes == "CYX" else image.array.shape[1]
        height, width = (side * style.scale for side in image.array.shape[-2:])
        self._pane = (height, width)
        self.size = (height, len(self._masks) * (width + _GAP) - _GAP)
        self._legends = [
            Legend(mask.label_set, height, width) if style.legend and mask is not None else None
            for mask in self._masks
        ]
        self._titles = [
            text_patch(title, text_size(height), width // 2)
            for title in (("before", "after") if style.layout == "before_after" else ())
        ]
        self._marks = Marks(image.geometry, style, height, width)
        self.scale_bar_mm = self._marks.length_mm

    def select(self, frames: Sequence[int] | None) -> Sequence[int]:
        """Check a choice of frames; None stands for all.

        Raises
        ------
        UnsupportedImageError
            If no frame is chosen, or one that the image does not have.
        """
        chosen = range(self.n_frames) if frames is None else frames
        if not chosen or min(chosen) < 0 or max(chosen) >= self.n_frames:
            raise UnsupportedImageError(
                f"{self._name} has {self.n_frames} frames or slices, and {_span(chosen)} "
                f"asked for: choose within 0 to {self.n_frames - 1}."
            )
        return chosen

    def compose(self, frame: int = 0) -> NDArray[np.uint8]:
        """Compose one picture.

        Parameters
        ----------
        frame : int
            Frame of a video, z slice of a volume, 0 for a still image.

        Returns
        -------
        ndarray of uint8, shape (Y, X, 3)
            Red, green, blue.

        Raises
        ------
        UnsupportedImageError
            If the image has no such frame.
        """
        self.select((frame,))
        height, width = self._pane
        bare = self._background(frame)
        picture = np.zeros((*self.size, 3), np.uint8)
        for index, (mask, legend) in enumerate(zip(self._masks, self._legends, strict=True)):
            left = index * (width + _GAP)
            pane = picture[:, left : left + width]
            pane[:] = bare if mask is None else self._painted(bare, mask, frame)
            if legend is not None:
                legend.draw_on(pane)
            if self._titles:
                gap = text_size(height) // 2
                self._titles[index].draw_on(pane, gap, gap)
        self._marks.draw_on(picture[:, -width:], frame)
        return picture

    def pictures(self, frames: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        """Compose the chosen frames one after another, each when it is asked for."""
        return (self.compose(frame) for frame in frames)

    def _painted(
        self, bare: NDArray[np.uint8], mask: Segmentation, frame: int
    ) -> NDArray[np.uint8]:
        plane = np.asarray(mask.labels[:] if mask.labels.ndim == 2 else mask.labels[frame])
        scale = self._style.scale
        plane = plane.repeat(scale, axis=0).repeat(scale, axis=1)
        return paint(bare, plane, mask.label_set, self._style)

    def _background(self, frame: int) -> NDArray[np.uint8]:
        plane = read_plane(self._image, frame)
        if self._style.blank_outside:
            plane = blanked(plane, self._image.region)
        picture = self._window.picture(plane)
        if self._style.scale == 1:
            return picture
        height, width = self._pane
        return np.asarray(
            Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
        )


def overlay(
    image: MedicalImage,
    segmentation: Segmentation,
    style: OverlayStyle = _DEFAULT_STYLE,
    *,
    frame: int | None = None,
    before: Segmentation | None = None,
) -> NDArray[np.uint8]:
    """Draw a mask over one frame of its image.

    For many frames of one image, build a `FrameComposer` once.

    Parameters
    ----------
    image : MedicalImage
        Axes "CYX", "CTYX" or "CZYX".
    segmentation : Segmentation
        Labels on the image's grid.
    style : OverlayStyle
        How the mask is drawn.
    frame : int or None
        Frame of a video or z slice of a volume; None for a still image.
    before : Segmentation or None
        As of `FrameComposer`.

    Returns
    -------
    ndarray of uint8, shape (Y, X, 3)
        Red, green, blue.

    Raises
    ------
    UnsupportedImageError
        If image and mask do not fit together, or `frame` does not exist or is
        missing.
    InvalidOptionError
        As of `FrameComposer`.
    """
    if frame is None and image.kind != "image":
        raise UnsupportedImageError(
            f"{image.source or 'The image'} is a {image.kind} and not one picture: "
            "say which frame or slice to draw."
        )
    return FrameComposer(image, segmentation, style, before).compose(frame or 0)


def _masks(
    name: str, segmentation: Segmentation, style: OverlayStyle, before: Segmentation | None
) -> list[Segmentation | None]:
    """Give the mask of each pane, from left to right; None: the bare image."""
    if style.layout == "overlay":
        return [segmentation]
    if style.layout == "beside":
        return [None, segmentation]
    if before is None:
        raise InvalidOptionError(
            f"Before and after of {name} need two masks, and there is one: choose the earlier one "
            "too, or another layout."
        )
    return [before, segmentation]


def _check(name: str, image: MedicalImage, segmentation: Segmentation) -> None:
    if image.axes == "CTZYX":
        raise UnsupportedImageError(
            f"{name} is a video of volumes (axes CTZYX), which has no flat pictures: "
            "choose one time or one z slice and export that."
        )
    grid = tuple(image.array.shape[1:])
    if 0 in image.array.shape:
        raise UnsupportedImageError(f"{name} holds no pixels (shape {image.array.shape}).")
    if image.axes[1:] != segmentation.axes or grid != tuple(segmentation.labels.shape):
        raise UnsupportedImageError(
            f"{name} and its mask do not fit: the image is {_shape(image.axes[1:], grid)}, "
            f"the mask {_shape(segmentation.axes, segmentation.labels.shape)}. "
            "Use the mask that was made from this image."
        )


def _shape(axes: str, shape: tuple[int, ...]) -> str:
    return f"{axes} {' x '.join(map(str, shape))}"


def _span(frames: Sequence[int]) -> str:
    if not frames:
        return "none was"
    return f"{frames[0]} was" if len(frames) == 1 else f"{min(frames)} to {max(frames)} were"
