"""Volumes: NIfTI, NRRD, MHA, MHD; with time and several components too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from mambaseg.data.deferred import DeferredArray
from mambaseg.data.image_record import recorded
from mambaseg.data.nifti_files import check_nifti, kept_codes, sound_nifti, time_step
from mambaseg.data.segmentation_record import label_block
from mambaseg.data.volume_headers import read_text_header
from mambaseg.types.errors import UnreadableImageError, UnsupportedImageError
from mambaseg.types.geometry import Geometry
from mambaseg.types.image import MedicalImage

__all__ = ["axes_of", "open_labels", "open_volume", "placement", "read_itk"]


def _is_nifti(path: Path) -> bool:
    return path.name.lower().endswith((".nii", ".nii.gz"))


def _check_name(path: Path) -> None:
    """Refuse a file whose name hides what it is, by which SimpleITK chooses how to read it."""
    with path.open("rb") as file:
        head = file.read(348)
    if head[344:347] == b"ni1":
        raise UnsupportedImageError(
            f"{path} seems to be the header of a NIfTI pair (.hdr and .img); one file was "
            "expected. Convert the pair to .nii or .nii.gz."
        )
    kind, suffix = "", ""
    if head[344:347] == b"n+1" and not _is_nifti(path):
        kind, suffix = "NIfTI", ".nii"
    elif head.startswith(b"NRRD000") and _is_nifti(path):
        kind, suffix = "NRRD", ".nrrd"
    if kind:
        raise UnsupportedImageError(
            f"{path} seems to be {kind}, though its name does not say so. Rename it to end with "
            f"{suffix}."
        )


@contextmanager
def _told_apart(path: Path) -> Iterator[None]:
    """Turn what SimpleITK raises into a sentence."""
    try:
        yield
    except (RuntimeError, OverflowError) as error:
        if "allocat" in str(error):
            raise MemoryError from error
        if "orthonormal" in str(error):
            raise UnsupportedImageError(
                f"{path} has axes that are not at right angles (a sheared orientation), of which "
                "millimetres cannot be kept. Resample it to upright axes, then open it."
            ) from error
        raise UnreadableImageError(
            f"{path} cannot be read: it is damaged, cut short or not of the kind that its name "
            "says. Copy or export it again."
        ) from error


def _unit_mm(path: Path) -> float | None:
    """Check a header; give its unit of length, of which SimpleITK makes millimetres for NIfTI."""
    _check_name(path)
    if _is_nifti(path):
        return 1.0 if check_nifti(path) else None
    return read_text_header(path).unit_mm


def read_itk(path: Path) -> Any:
    """Read a file with SimpleITK.

    Raises
    ------
    UnreadableImageError
        If it cannot be read, or is cut short.
    UnsupportedImageError
        If its data lie elsewhere.
    """
    _unit_mm(path)
    with _told_apart(path), sound_nifti(path) if _is_nifti(path) else nullcontext(path) as sound:
        return SimpleITK.ReadImage(str(sound))


def placement(image: Any, n_spatial: int, unit_mm: float | None = 1.0) -> Geometry:
    """Spacing, origin and direction along the first axes of a SimpleITK image.

    Parameters
    ----------
    image : SimpleITK.Image or SimpleITK.ImageFileReader
        Its first axes are x, y and, if `n_spatial` is 3, z.
    n_spatial : {2, 3}
        Number of axes in space.
    unit_mm : float or None
        Millimetres of the unit in which its file says where it lies; None makes spacing unknown.
    """
    dimension = image.GetDimension()
    direction = np.eye(3)
    whole = np.array(image.GetDirection()).reshape(dimension, dimension)
    direction[:n_spatial, :n_spatial] = whole[:n_spatial, :n_spatial]
    unit = unit_mm or 1.0
    x, y, z = (*(place * unit for place in image.GetOrigin()[:n_spatial]), 0.0)[:3]
    spacing = tuple(step * unit for step in reversed(image.GetSpacing()[:n_spatial]))
    return Geometry(
        spacing if unit_mm else None,
        (x, y, z),
        tuple(direction.ravel().tolist()),
    )


def axes_of(shape: tuple[int, ...]) -> str:
    """Name the axes, without channels, of a file that does not: four with one slice are a clip's.

    Parameters
    ----------
    shape : tuple of int
        Two to four lengths, x last.
    """
    if len(shape) == 4:
        return "TYX" if shape[1] == 1 else "TZYX"
    return "ZYX"[-len(shape) :]


def open_labels(path: Path) -> tuple[Any, NDArray[np.uint8], float | None]:
    """Read a mask with SimpleITK.

    Returns
    -------
    image : SimpleITK.Image
        For its placement and metadata.
    labels : ndarray of uint8
        Two to four dimensions, x last.
    unit_mm : float or None
        As `placement` takes it.

    Raises
    ------
    UnreadableImageError
        If SimpleITK cannot read it.
    UnsupportedImageError
        If it is no mask.
    """
    image = read_itk(path)
    if image.GetNumberOfComponentsPerPixel() > 1 or image.GetDimension() not in (2, 3, 4):
        raise UnsupportedImageError(
            f"{path} has {image.GetDimension()} dimensions and "
            f"{image.GetNumberOfComponentsPerPixel()} values per element; a mask with 2 to 4 "
            "dimensions and one value was expected."
        )
    return image, label_block(SimpleITK.GetArrayFromImage(image), path), _unit_mm(path)


def open_volume(path: Path, source: str) -> MedicalImage:
    """Read the header of a NIfTI, NRRD or MetaImage file.

    Parameters
    ----------
    path : Path
        An existing file.
    source : str
        Where it came from, as the user wrote it.

    Returns
    -------
    MedicalImage
        Axes "CZYX"; "CYX" for two dimensions; "CTZYX" for four, or "CTYX" where
        there is one slice; a channel per component. Its array reads the file
        when it is indexed.

    Raises
    ------
    UnreadableImageError
        If the file cannot be read.
    UnsupportedImageError
        If it has more than four dimensions, or holds something but numbers.
    """
    unit_mm = _unit_mm(path)
    itk: Any = SimpleITK  # ships no types
    reader = itk.ImageFileReader()
    reader.SetFileName(str(path))
    with _told_apart(path):
        reader.ReadImageInformation()
        dimension, sizes = reader.GetDimension(), reader.GetSize()
        kind = itk.GetPixelIDValueAsString(reader.GetPixelID())
        keys = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}
        if dimension in (2, 3, 4):
            geometry = placement(reader, min(3, dimension), unit_mm)
    named = " x ".join(map(str, sizes))
    if dimension not in (2, 3, 4) or "complex" in kind:
        raise UnsupportedImageError(
            f"{path} has {dimension} dimensions ({named}) of the type {kind}; an image of 2, a "
            "volume of 3 or volumes at several times, of real numbers, were expected."
        )
    n_channels = reader.GetNumberOfComponents()
    shape = (n_channels, *reversed(sizes))
    axes = {2: "CYX", 3: "CZYX", 4: "CTZYX"}[dimension]
    notes: tuple[str, ...] = ()
    if dimension == 4:
        step = time_step(keys, reader.GetSpacing()[3]) if _is_nifti(path) else None
        times = None if step is None else tuple(i * step for i in range(shape[1]))
        geometry = replace(geometry, frame_times_s=times)
        notes = (f"The fourth axis, of {shape[1]}, is taken for time.",)
    names = tuple(f"channel {i}" for i in range(n_channels)) if n_channels > 1 else ("intensity",)
    array = DeferredArray(shape, _element(kind), lambda: _elements(path, shape))
    header = kept_codes(keys) if _is_nifti(path) else {}
    image = MedicalImage(array, axes, geometry, names, source, notes, header=header)
    found = recorded(image, keys, path)
    return _clip(image) if found is image and axes_of(shape[1:]) == "TYX" else found


def _clip(image: MedicalImage) -> MedicalImage:
    """Leave out the z axis, of one slice."""
    array, spacing = image.array, image.geometry.spacing_mm
    shape = (*array.shape[:2], *array.shape[3:])
    return replace(
        image,
        array=DeferredArray(shape, array.dtype, lambda: np.asarray(array)[:, :, 0]),
        axes="CTYX",
        geometry=replace(image.geometry, spacing_mm=spacing and spacing[1:]),
    )


def _elements(path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    image = read_itk(path)
    array = SimpleITK.GetArrayFromImage(image)
    several = image.GetNumberOfComponentsPerPixel() > 1
    return np.moveaxis(array, -1, 0) if several else array.reshape(shape)


def _element(kind: str) -> np.dtype[Any]:
    """Numpy's type for SimpleITK's words, such as "vector of 16-bit signed integer"."""
    bits = kind.removeprefix("vector of ").partition("-")[0]
    if "float" in kind:
        return np.dtype(f"float{bits}")
    return np.dtype(f"{'uint' if 'unsigned' in kind else 'int'}{bits}")
