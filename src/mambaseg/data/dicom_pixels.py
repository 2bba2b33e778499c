"""Single frames of a DICOM file, without reading the others."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import parse_basic_offsets, parse_fragments
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import as_pixel_options, get_expected_length
from pydicom.uid import UID

from mambaseg.data.dicom_header import rescale, stored_range
from mambaseg.types.errors import UnreadableImageError, UnsupportedImageError

__all__ = ["DicomFrames", "in_units", "presented_type"]

_PIXEL_DATA = (0x7FE0, 0x0010)


class DicomFrames:
    """The frames of a DICOM file.

    The file is parsed once; a frame is then read and decoded alone, by
    pydicom's decoders, which also turn YBR into RGB.

    Parameters
    ----------
    path : Path
        An existing file.

    Attributes
    ----------
    header : Dataset
        All elements but the pixels.
    n_frames : int
        Number of frames.

    Raises
    ------
    UnreadableImageError
        If it is no DICOM file, holds no frames, or is damaged or cut short.
    UnsupportedImageError
        If no installed decoder understands its transfer syntax.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            self.header = self._parse(file)
            self.n_frames = self._count()
            self._decoder = self._find_decoder()
            self._options: dict[str, Any] = {}
            length = self._enter_pixels(file)
            self._start = file.tell()
            self._check_whole(file, length)

    def frame(self, index: int) -> NDArray[Any]:
        """Read one frame.

        Returns
        -------
        ndarray, shape (Y, X, C)
            Three channels for colour, RGB; one for grey, larger values brighter,
            in the header's rescaled units where it gives any.

        Raises
        ------
        UnreadableImageError
            If the frame is damaged.
        """
        # pydicom lets through whatever exception a damaged frame leads to.
        try:
            with self._path.open("rb") as file:
                file.seek(self._start)
                pixels, _ = self._decoder.as_array(file, index=index, **self._options)
            return self._presented(pixels, index)
        except MemoryError:
            raise
        except Exception as error:
            raise UnreadableImageError(
                f"{self._path}: frame {index} cannot be decoded; the file is damaged. "
                "Copy or export it again."
            ) from error

    def _parse(self, file: BinaryIO) -> Dataset:
        # As above: any exception can come out of a damaged header. Its text is not
        # passed on, as it may hold what stands in the header about the patient.
        try:
            return dcmread(file, stop_before_pixels=True)
        except Exception:
            raise UnreadableImageError(
                f"{self._path} cannot be read as DICOM: it is damaged, cut short or not DICOM. "
                "Copy or export it again."
            ) from None

    def _count(self) -> int:
        try:
            stated = self.header.get("NumberOfFrames")
            number = 1 if stated is None else int(stated)
        except (TypeError, ValueError):
            number = 0
        if number < 1:
            raise UnreadableImageError(
                f"{self._path} holds no frames: its header says NumberOfFrames {number}. "
                "Export the clip again."
            )
        return number

    @property
    def _syntax(self) -> UID:
        return UID(str(self.header.file_meta.get("TransferSyntaxUID", "1.2.840.10008.1.2")))

    def _find_decoder(self) -> Decoder:
        syntax = self._syntax
        if not syntax.is_valid:  # a damaged one may have run on into the patient's name
            raise UnreadableImageError(
                f"{self._path} names no transfer syntax that could be: its header is damaged. "
                "Copy or export it again."
            )
        try:
            decoder = None if syntax.is_deflated else get_decoder(syntax)
        except (NotImplementedError, ValueError):
            decoder = None
        if decoder is None or not decoder.is_available:
            raise UnsupportedImageError(
                f"{self._path} stores its pixels as {syntax.name}, for which no decoder is "
                f"installed. {_remedy(syntax)}"
            )
        return decoder

    def _enter_pixels(self, file: BinaryIO) -> int:
        """Read the head of the pixel element and give its length."""
        order = "<" if self._syntax.is_little_endian else ">"
        head = file.read(8)
        tag = struct.unpack(f"{order}HH", head[:4]) if len(head) == 8 else None
        if tag != _PIXEL_DATA:
            raise UnreadableImageError(
                f"{self._path} is DICOM, but holds no pixel data; an image or clip was expected. "
                "It may be a report, or cut short: export it again."
            )
        if self._syntax.is_implicit_VR:
            self._options["pixel_vr"] = "OW"
            length = head[4:]
        else:
            self._options["pixel_vr"] = head[4:6].decode("ascii", "replace")
            length = file.read(4).rjust(4, b"\0")
        self._options |= {"pixel_keyword": "PixelData", "transfer_syntax_uid": self._syntax}
        return int(struct.unpack(f"{order}L", length)[0])

    def _check_whole(self, file: BinaryIO, length: int) -> None:
        file_size = self._path.stat().st_size
        try:
            self._options = as_pixel_options(self.header, **self._options)
            if self._syntax.is_encapsulated:
                parse_basic_offsets(file)
                found, offsets = parse_fragments(file)
                file.seek(offsets[-1] + 4)
                end = offsets[-1] + 8 + int.from_bytes(file.read(4), "little")
                whole = end <= file_size and found >= self.n_frames
                if found == self.n_frames:
                    # Spares pydicom the search for the frame each time one is read.
                    starts = np.array(offsets) - offsets[0]
                    ends = np.append(starts[1:], end - offsets[0])
                    lengths = (ends - starts - 8).tolist()
                    self._options["extended_offsets"] = (starts.tolist(), lengths)
            else:
                available = min(length, file_size - self._start)
                whole = available >= get_expected_length(self.header)
        except Exception:
            whole = False
        if not whole:
            raise UnreadableImageError(
                f"{self._path} is damaged or cut short: it holds fewer pixels than the "
                f"{self.n_frames} frames that its header states. Copy or export it again."
            )

    def _presented(self, pixels: NDArray[Any], index: int) -> NDArray[Any]:
        header = self.header
        interpretation = header.PhotometricInterpretation
        if interpretation == "PALETTE COLOR":
            colors = apply_color_lut(pixels, header)
            # Palettes give 16 bits per colour, of which screens show the upper 8.
            return (colors >> 8).astype(np.uint8) if colors.dtype == np.uint16 else colors
        if header.SamplesPerPixel > 1:
            return pixels
        if interpretation == "MONOCHROME1":
            lowest, highest = stored_range(header)
            pixels = (lowest + highest - pixels.astype(np.int64)).astype(pixels.dtype)
        return in_units(pixels, header, index)[..., None]


def _remedy(syntax: UID) -> str:
    """Say what helps where pixels cannot be decoded."""
    words = syntax.name.upper()
    if any(name in words for name in ("MPEG", "HEVC", "H.26")):
        return "It is a film in DICOM: export it from its archive as mp4, and open that."
    if "JPEG" in words and not any(name in words for name in ("JPEG XL", "JPIP")):
        package = "openjpeg" if "2000" in words else "libjpeg"
        return f"Install pylibjpeg with pylibjpeg-{package}, or export the file uncompressed."
    return "Export the file uncompressed."


def in_units(pixels: NDArray[Any], header: Dataset, index: int = 0) -> NDArray[Any]:
    """Turn stored grey values of a frame into the header's rescaled units, where it gives any."""
    slope, intercept = rescale(header, index)
    if (slope, intercept) == (1, 0):
        return pixels
    dtype = presented_type(header, index)
    result = pixels.astype(dtype)
    if slope != 1:
        result *= dtype.type(slope)
    result += dtype.type(intercept)
    return result


def presented_type(header: Dataset, index: int = 0) -> np.dtype[Any]:
    """Type of a grey frame's elements in the header's rescaled units.

    That which is stored, a wider whole number where the rescaled values need
    it, or float32 where they have fractions.
    """
    stored = f"{'i' if header.get('PixelRepresentation') else 'u'}{header.BitsAllocated // 8 or 1}"
    slope, intercept = rescale(header, index)
    if (slope, intercept) == (1, 0):
        return np.dtype(stored)
    if slope.is_integer() and intercept.is_integer():
        ends = [value * slope + intercept for value in stored_range(header)]
        for name in ("int16", "int32"):
            limits = np.iinfo(name)
            if limits.min <= min(ends) and max(ends) <= limits.max:
                return np.dtype(name)
    return np.dtype(np.float32)
