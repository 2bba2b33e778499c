"""Compose the overlay of any frame of a segmented image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mambaseg.data.blanking import blanked
from mambaseg.data.window import GreyWindow, read_plane
from mambaseg.export.legend import Legend
from mambaseg.export.painting import paint
from mambaseg.export.style import OverlayStyle
from mambaseg.types import MedicalImage, Segmentation
from mambaseg.types.errors import UnsupportedImageError

__all__ = ["FrameComposer", "overlay"]

_DEFAULT_STYLE = OverlayStyle()


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

    Attributes
    ----------
    n_frames : int
        Number of pictures: frames of a video, z slices of a volume, or 1.
    size : tuple of int
        Height and width of the pictures in pixels.

    Raises
    ------
    UnsupportedImageError
        If the image is a video of volumes, is empty, or has another shape than
        the mask.
    """

    def __init__(
        self,
        image: MedicalImage,
        segmentation: Segmentation,
        style: OverlayStyle = _DEFAULT_STYLE,
    ) -> None:
        self._name = image.source or "The image"
        _check(self._name, image, segmentation)
        self._image, self._segmentation, self._style = image, segmentation, style
        self._color = image.array.shape[0] == 3 and image.array.dtype == np.uint8
        self._window = GreyWindow.of(image)
        self.n_frames = 1 if image.axes == "CYX" else image.array.shape[1]
        height, width = image.array.shape[-2:]
        self.size = (height * style.scale, width * style.scale)
        self._legend = Legend(segmentation.label_set, *self.size) if style.legend else None

    def select(self, frames: range | None) -> range:
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
        self.select(range(frame, frame + 1))
        labels = self._segmentation.labels
        plane = np.asarray(labels[:] if labels.ndim == 2 else labels[frame])
        scale = self._style.scale
        plane = plane.repeat(scale, axis=0).repeat(scale, axis=1)
        picture = paint(self._background(frame), plane, self._segmentation.label_set, self._style)
        if self._legend is not None:
            self._legend.draw_on(picture)
        return picture

    def pictures(self, frames: range) -> Iterator[NDArray[np.uint8]]:
        """Compose the chosen frames one after another, each when it is asked for."""
        return (self.compose(frame) for frame in frames)

    def _background(self, frame: int) -> NDArray[np.uint8]:
        plane = read_plane(self._image, frame)
        if self._style.blank_outside:
            plane = blanked(plane, self._image.region)
        if self._color:
            picture = Image.fromarray(np.ascontiguousarray(np.moveaxis(plane, 0, -1)))
        else:
            picture = Image.fromarray(self._window.apply(plane[0])).convert("RGB")
        if self._style.scale > 1:
            height, width = self.size
            picture = picture.resize((width, height), Image.Resampling.BICUBIC)
        return np.asarray(picture)


def overlay(
    image: MedicalImage,
    segmentation: Segmentation,
    style: OverlayStyle = _DEFAULT_STYLE,
    *,
    frame: int | None = None,
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

    Returns
    -------
    ndarray of uint8, shape (Y, X, 3)
        Red, green, blue.

    Raises
    ------
    UnsupportedImageError
        If image and mask do not fit together, or `frame` does not exist or is
        missing.
    """
    if frame is None and image.kind != "image":
        raise UnsupportedImageError(
            f"{image.source or 'The image'} is a {image.kind} and not one picture: "
            "say which frame or slice to draw."
        )
    return FrameComposer(image, segmentation, style).compose(frame or 0)


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


def _span(frames: range) -> str:
    if not frames:
        return "none was"
    return f"{frames[0]} was" if len(frames) == 1 else f"{frames[0]} to {frames[-1]} were"
