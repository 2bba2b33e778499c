"""DICOM series: the slices of a volume, each in a file of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from mambaseg.data.deferred import DeferredArray
from mambaseg.data.dicom_header import described, window
from mambaseg.data.dicom_slices import SliceFile, read_slice, read_slice_file
from mambaseg.data.dicom_volume import read_stack
from mambaseg.data.slice_stack import SliceStack, stack
from mambaseg.data.still_images import channel_names
from mambaseg.types.errors import UnreadableImageError
from mambaseg.types.image import MedicalImage

__all__ = ["DicomSeries", "find_series", "open_series", "stack_series"]


@dataclass(frozen=True)
class DicomSeries:
    """Files that belong together.

    Parameters
    ----------
    name : str
        The series' description, or its number where it has none; told apart
        from others of its folder by a number in brackets.
    uid : str
        Its SeriesInstanceUID.
    slices : tuple of SliceFile
        In no order.
    damaged : dict of Path to str
        Files of its folders that are damaged, and may be slices of it, with a sentence for each.
    alone : bool
        Whether it is the only series of these folders, so that such a file is a slice of it.
    """

    name: str
    uid: str
    slices: tuple[SliceFile, ...]
    damaged: Mapping[Path, str] = field(default_factory=dict)
    alone: bool = True

    @property
    def files(self) -> tuple[Path, ...]:
        """Where the slices lie."""
        return tuple(one.path for one in self.slices)

    @property
    def folders(self) -> set[Path]:
        """Where the files lie."""
        return {one.path.parent for one in self.slices}


def find_series(files: Iterable[Path]) -> list[DicomSeries]:
    """Sort the slices among files into series, reading a few elements of each header.

    Slices of one series that differ in size or orientation (a localizer) become
    series of their own. Files with several frames, and those that do not say
    where they lie, are no slices. Damaged ones are told of by the series beside them.
    """
    damaged: dict[Path, str] = {}
    groups: dict[tuple[Any, ...], list[list[SliceFile]]] = {}
    for path in files:
        try:
            one = read_slice_file(path)
        except UnreadableImageError as error:
            damaged[path] = str(error)
            continue
        if one is None:
            continue
        alike = groups.setdefault(one.form, [])
        group = next((slices for slices in alike if one.fits(slices[0])), None)
        if group is None:
            alike.append([one])
        else:
            group.append(one)
    names: dict[str, int] = {}
    found = []
    for slices in chain.from_iterable(groups.values()):
        first = slices[0].header
        name = described(first).get("SeriesDescription", "")
        name = name or f"series {first.get('SeriesNumber') or 1}"
        names[name] = names.get(name, 0) + 1
        name = f"{name} ({names[name]})" if names[name] > 1 else name
        found.append(DicomSeries(name, str(first.get("SeriesInstanceUID", "")), tuple(slices)))
    return [_with_damage(one, found, damaged) if damaged else one for one in found]


def _with_damage(
    series: DicomSeries, found: list[DicomSeries], damaged: dict[Path, str]
) -> DicomSeries:
    folders = series.folders
    return replace(
        series,
        damaged={path: told for path, told in damaged.items() if path.parent in folders},
        alone=all(one is series or not (one.folders & folders) for one in found),
    )


def open_series(series: DicomSeries, source: str, *, resample: bool = False) -> MedicalImage:
    """Put a series together as a volume, of which only headers are read for now.

    Parameters
    ----------
    series : DicomSeries
        With slices that lie in the patient.
    source : str
        Where it came from, as the user wrote it.
    resample : bool
        Take slices that lie unevenly, and resample them.

    Returns
    -------
    MedicalImage
        Axes "CZYX", "CTZYX" for volumes at several times, or "CTYX" for one slice
        at several times; its array reads the pixels when it is indexed.

    Raises
    ------
    UnreadableImageError
        If one of its files is damaged.
    UnsupportedImageError
        If slices are missing, lie unevenly or do not fit together.
    """
    what = f"{source} (series {series.name!r})"
    ordered = stack_series(series, source, resample=resample)
    first = series.slices[0].header
    channels = 3 if first.get("SamplesPerPixel", 1) == 3 else 1
    axes, shape = ordered.form(channels, int(first.Rows), int(first.Columns))
    dtype = np.result_type(*{one.dtype for one in series.slices})
    keys = ordered.keys[0]
    return MedicalImage(
        DeferredArray(
            shape,
            dtype,
            lambda: read_stack(ordered, shape, dtype, read_slice, what),
            lambda z: np.moveaxis(read_slice(keys[z * len(keys) // ordered.depth]), -1, 0),
        ),
        axes,
        ordered.geometry,
        channel_names(channels),
        source,
        (*ordered.notes, *series.damaged.values()),
        window=window(first),
        header=described(first),
    )


def stack_series(series: DicomSeries, source: str, *, resample: bool = False) -> SliceStack:
    """Put the slices of a series in the order in which they lie; otherwise as `open_series`."""
    if series.damaged and series.alone:
        raise UnreadableImageError(next(iter(series.damaged.values())))
    slices = [one.placed() for one in series.slices]
    return stack(slices, f"{source} (series {series.name!r})", resample=resample)
