"""What can be opened at a path: the series of a folder, the data sets of a file, channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

from mambaseg.data.channel_groups import group_channels
from mambaseg.data.file_kinds import IMAGE_FILE_SUFFIXES, file_kind, is_dicom
from mambaseg.types.errors import UnknownNameError, UnreadableImageError, UnsupportedImageError
from mambaseg.types.image import MedicalImage

__all__ = ["Part", "choose_part", "list_parts"]

PartKind = Literal["file", "frames", "series", "data set", "channels"]
_DEEPEST, _MOST_FILES = 6, 20_000


@dataclass(frozen=True)
class Part:
    """One image that can be opened.

    Parameters
    ----------
    name : str
        What it is called within its path.
    kind : {"file", "frames", "series", "data set", "channels"}
        What it is: a file, a folder of numbered images, a DICOM series, a data
        set of an HDF5 file, or several files that are the channels of one image.
    files : tuple of Path
        The files, or the folder of numbered images.
    opener : callable
        Reads the headers, given whether to resample.
    uid : str
        A series' SeriesInstanceUID.
    source : str
        The path by which `read_image` finds it again.
    """

    name: str
    kind: PartKind
    files: tuple[Path, ...]
    opener: Callable[[bool], MedicalImage] = field(repr=False)
    uid: str = field(default="", repr=False)
    source: str = ""

    def open(self, *, resample: bool = False) -> MedicalImage:
        """Read its headers; the array is read when it is indexed.

        Parameters
        ----------
        resample : bool
            As in `mambaseg.data.read_image`.

        Raises
        ------
        UnreadableImageError, UnsupportedImageError
            If it cannot be read.
        """
        image = self.opener(resample)
        return replace(image, source=self.source) if self.source else image


def list_parts(path: Path) -> list[Part]:
    """List what can be opened at a path, reading no more than the headers of DICOM slices.

    Parameters
    ----------
    path : Path
        A file or a folder. In a folder that holds no image itself, or no more than
        pictures without numbers, DICOM files are sought in the folders below.

    Returns
    -------
    list of Part
        For a folder: itself where it holds numbered images (they are the frames
        of one clip), then its DICOM series, then groups of files that are named
        as the channels of one image, then single files; itself last where its
        images have no numbers.

    Raises
    ------
    UnreadableImageError
        If there is nothing at the path, or nothing in the folder that is understood.
    UnsupportedImageError
        If there are too many files in the folders below.
    """
    source = str(path)
    if not path.exists():
        raise UnreadableImageError(f"{path} does not exist; check the path.")
    try:
        if not path.is_dir():
            return _of_file(path, source)
        found = _of_folder(path, source)
    except OSError as error:
        raise UnreadableImageError(
            f"{path} cannot be opened: {error.strerror}. Check the path and your rights to it."
        ) from error
    if not found:
        held = next((one.name for one in sorted(path.iterdir())), None)
        raise UnreadableImageError(
            f"The folder {path} {'is empty' if held is None else f'holds no images, but {held}'}; "
            "numbered images, or films, volumes or DICOM files, were expected."
        )
    return found


def choose_part(path: Path, name: str | None) -> Part:
    """Give the part of that name, or the only one.

    A folder of numbered images is taken as a film where no name is given.

    Raises
    ------
    UnknownNameError
        If there is no such part.
    UnsupportedImageError
        If there are several and none is named.
    """
    parts = list_parts(path)
    if name is None and (len(parts) == 1 or parts[0].kind == "frames"):
        return parts[0]
    wanted = [part for part in parts if name in (part.name, part.uid)]
    if wanted:
        return wanted[0]
    listed = ", ".join(repr(part.name) for part in parts[:12]) + (" …" if len(parts) > 12 else "")
    if name is not None:
        raise UnknownNameError(f"{path} holds no {name!r}, but {listed}; choose one of these.")
    raise UnsupportedImageError(
        f"{path} holds {len(parts)} images: {listed}. Choose one: in napari with "
        f"the Load panel, elsewhere for example as {path}::{parts[0].name}."
    )


def _of_file(path: Path, source: str) -> list[Part]:
    kind = file_kind(path)
    if kind == "HDF5":
        from mambaseg.data.hdf5 import list_data_sets, open_data_set

        def opener(name: str) -> Callable[[bool], MedicalImage]:
            return lambda resample: open_data_set(path, source, name)

        names = list(list_data_sets(path))
        return [
            Part(one, "data set", (path,), opener(one), source=f"{source}::{one}") for one in names
        ]
    return [_file(path, source)]


def _file(path: Path, source: str) -> Part:
    from mambaseg.data.readers import open_file

    return Part(
        path.name,
        "file",
        (path,),
        lambda resample: open_file(path, source, resample=resample),
        source=source,
    )


def _of_folder(folder: Path, source: str) -> list[Part]:
    from mambaseg.data.dicom_series import find_series, open_series
    from mambaseg.data.frame_folders import image_files, read_frame_folder

    files = sorted(one for one in folder.iterdir() if _is_image_file(one))
    frames = image_files(folder)
    dicom = [one for one in files if is_dicom(one)]
    numbered = bool(frames) and all(map(_is_numbered, frames))
    if not files and not numbered:
        dicom = files = list(_below(folder))
    all_series = find_series(dicom)
    found = [
        Part(
            series.name,
            "series",
            series.files,
            _resampling(partial(open_series, series, source)),
            series.uid,
        )
        for series in all_series
    ]
    taken = {file for series in all_series for file in (*series.files, *series.damaged)}
    for group in group_channels(one for one in files if one not in taken):
        found.append(
            Part(
                group.name,
                "channels",
                group.files,
                _resampling(group.open),
            )
        )
        taken |= {*group.files}
    found += [_file(one, str(one)) for one in files if one not in taken]
    if len(frames) > 1 or (frames and not found):
        name = f"{folder.name}/ (numbered frames)"
        read = read_frame_folder
        clip = Part(name, "frames", (folder,), lambda resample: read(folder, source), source=source)
        found.insert(0 if numbered else len(found), clip)
    return _told_apart(found, source)


def _resampling(opener: Callable[..., MedicalImage]) -> Callable[[bool], MedicalImage]:
    return lambda resample: opener(resample=resample)


def _told_apart(parts: list[Part], source: str) -> list[Part]:
    """Give parts of one name numbers, and say how each is found again."""
    names: dict[str, int] = {}
    result = []
    for part in parts:
        names[part.name] = count = names.get(part.name, 0) + 1
        name = part.name if count == 1 else f"{part.name} ({count})"
        found = source if len(parts) == 1 else f"{source}::{name}"
        result.append(replace(part, name=name, source=part.source or found))
    return result


def _is_image_file(file: Path) -> bool:
    if not file.is_file() or file.name.startswith(".") or file.name == "DICOMDIR":
        return False
    return file.name.lower().endswith(IMAGE_FILE_SUFFIXES) or is_dicom(file)


def _is_numbered(file: Path) -> bool:
    """Tell a frame from a picture that lies beside a study, as a logo does on a CD."""
    return any(letter.isdigit() for letter in file.stem)


def _below(folder: Path) -> Iterator[Path]:
    """DICOM files in the folders below, in order; links are not followed.

    Raises
    ------
    UnsupportedImageError
        If there are too many files to look at.
    """
    pending, seen = [(folder, 0)], 0
    while pending:
        current, depth = pending.pop(0)
        for one in sorted(current.iterdir()):
            if one.is_symlink():
                continue
            if one.is_dir() and depth < _DEEPEST:
                pending.append((one, depth + 1))
            elif one.is_file():
                seen += 1
                if seen > _MOST_FILES:
                    raise UnsupportedImageError(
                        f"The folders below {folder} hold more than {_MOST_FILES} files, too many "
                        "to look through for DICOM. Choose the folder of one study or series."
                    )
                if not one.name.startswith(".") and one.name != "DICOMDIR" and is_dicom(one):
                    yield one
