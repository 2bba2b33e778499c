"""The dataset.json of a store: nnU-Net's keys, and one of our own."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mambaseg.files import write_whole
from mambaseg.types.errors import StoreError
from mambaseg.types.labels import LabelClass, LabelSet

__all__ = ["DatasetFile", "case_digest", "image_names", "label_name"]

FILE_NAME = "dataset.json"
_RESERVED = ("background", "ignore")
_DIGITS = 12
_CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def case_digest(case_or_sha256: str) -> str:
    """Give what a case's name ends with: the first digits of the SHA-256 of its image's content."""
    return case_or_sha256.rpartition("_")[2][:_DIGITS]


def image_names(case: str, channels: Sequence[str]) -> list[str]:
    """Paths of a case's images inside the store, one per channel."""
    return [f"imagesTr/{case}_{index:04d}.nrrd" for index in range(len(channels))]


def label_name(case: str) -> str:
    """Path of a case's labels inside the store."""
    return f"labelsTr/{case}.nrrd"


def content_digest(case: str) -> str:
    """Give the part of a case's name that stands for what its image shows, and names nobody."""
    return case.rpartition("_")[2]


class _Ours(BaseModel):
    model_config = ConfigDict(extra="ignore")
    format_version: Literal[1] = 1
    classes: tuple[LabelClass, ...]


class _Schema(BaseModel):
    model_config = ConfigDict(extra="ignore")
    channel_names: dict[Annotated[str, Field(pattern=r"^\d+$")], str] = Field(min_length=1)
    dataset: dict[str, Any]
    mambaseg: _Ours


@dataclass(frozen=True)
class DatasetFile:
    """What a store's dataset.json says.

    Parameters
    ----------
    label_set : LabelSet
        The classes. nnU-Net asks for values without gaps, so on disk they are
        numbered from 1 in their order, and "ignore" follows the last.
    channel_names : tuple of str
    cases : tuple of str
        Identifiers, sorted.

    Raises
    ------
    StoreError
        If nnU-Net's form has no place for the classes' names.
    """

    label_set: LabelSet
    channel_names: tuple[str, ...]
    cases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [*self.label_set.names.values()]
        if len({*names, *_RESERVED}) != len(names) + len(_RESERVED):
            raise StoreError(
                f"A store of corrections needs classes of different names, none of them "
                f"{' or '.join(_RESERVED)}; got {self.label_set.names}. Rename them."
            )

    @property
    def ignore(self) -> int:
        """Value on disk of what is not annotated."""
        return len(self.label_set.classes) + 1

    def to_disk(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Give labels their numbers on disk; the values must be known ones."""
        return self._table()[labels]

    def from_disk(self, stored: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn what `to_disk` gave back into the label set's own values."""
        return self._values()[stored]

    @property
    def stored_label_set(self) -> LabelSet:
        """The classes as numbered on disk."""
        return LabelSet(
            tuple(
                LabelClass(number, label.name, label.color)
                for number, label in enumerate(self.label_set.classes, start=1)
            )
        )

    def _values(self) -> NDArray[np.uint8]:
        return np.array([0, *self.label_set.names, self.label_set.ignore], np.uint8)

    def _table(self) -> NDArray[np.uint8]:
        table = np.zeros(256, np.uint8)
        table[self._values()] = np.arange(self.ignore + 1)
        return table

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Read the file of a store; None where there is none yet.

        Raises
        ------
        StoreError
            If it is damaged, newer than this mambaseg, or no store of ours.
        """
        path = folder / FILE_NAME
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"{path} cannot be read: {error}. Choose another folder.") from error
        try:
            content = _Schema.model_validate_json(text)
            file = cls(
                LabelSet(content.mambaseg.classes),
                tuple(content.channel_names.values()),
                tuple(sorted(content.dataset)),
            )
        except (ValidationError, ValueError) as error:
            first = error.errors()[0] if isinstance(error, ValidationError) else None
            place = ".".join(map(str, first["loc"])) if first else "mambaseg.classes"
            raise StoreError(
                f"{path} is no store of corrections that this mambaseg reads: {place}: "
                f"{first['msg'] if first else error}. Choose another folder, or update mambaseg."
            ) from error
        for case in file.cases:
            if not _CASE.fullmatch(case):
                raise StoreError(
                    f"{path} names a case {case!r}, but only letters, digits, - and _ may stand "
                    "in a name: another program has changed it. Mend it there."
                )
        return file

    def write(self, folder: Path) -> None:
        """Write it whole or not at all; raises OutputError."""
        labels = self.stored_label_set.names.items()
        content = {
            "name": folder.name,
            "description": "Masks verified by a person in mambaseg. What was not verified holds "
            "the ignore label. Only the cases listed here belong to the data set.",
            "channel_names": {str(i): name for i, name in enumerate(self.channel_names)},
            "labels": {
                "background": 0,
                **{name: value for value, name in labels},
                "ignore": self.ignore,
            },
            "numTraining": len(self.cases),
            "file_ending": ".nrrd",
            "overwrite_image_reader_writer": "SimpleITKIO",
            "dataset": {
                case: {"images": image_names(case, self.channel_names), "label": label_name(case)}
                for case in self.cases
            },
            "mambaseg": _Ours(classes=self.label_set.classes).model_dump(mode="json"),
        }
        with write_whole(folder / FILE_NAME) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
