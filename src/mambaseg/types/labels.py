"""The classes that a mask can hold."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["PALETTE", "LabelClass", "LabelSet"]

PALETTE = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
"""Okabe and Ito's colours, told apart by colour-blind readers; classes take them in turn."""


@dataclass(frozen=True)
class LabelClass:
    """One class: its value in the mask (> 0), its name and its colour (#RRGGBB)."""

    value: int
    name: str
    color: str

    def __post_init__(self) -> None:
        if not re.fullmatch("#[0-9A-Fa-f]{6}", self.color):
            raise ValueError(f"color must be written as #RRGGBB; got {self.color!r}.")

    @property
    def rgb(self) -> tuple[int, int, int]:
        """The colour as red, green, blue from 0 to 255."""
        return int(self.color[1:3], 16), int(self.color[3:5], 16), int(self.color[5:7], 16)


@dataclass(frozen=True)
class LabelSet:
    """The classes of a mask; 0 is always background.

    Parameters
    ----------
    classes : tuple of LabelClass
        In ascending order of value.

    Raises
    ------
    ValueError
        If values are not ascending from 1 to 254 at most.
    """

    classes: tuple[LabelClass, ...]

    def __post_init__(self) -> None:
        values = [label.value for label in self.classes]
        if values != sorted(set(values)) or not values or values[0] < 1 or values[-1] > 254:
            raise ValueError(f"class values must ascend within 1 to 254; got {values}.")

    @classmethod
    def from_names(cls, names: dict[int, str]) -> LabelSet:
        """Classes by value and name, coloured from `PALETTE` in order."""
        return cls(
            tuple(
                LabelClass(value, name, PALETTE[i % len(PALETTE)])
                for i, (value, name) in enumerate(sorted(names.items()))
            )
        )

    @property
    def names(self) -> dict[int, str]:
        """Name of each class by its value."""
        return {label.value: label.name for label in self.classes}

    @property
    def ignore(self) -> int:
        """Value for "not annotated": by nnU-Net's rule, the highest class plus one."""
        return self.classes[-1].value + 1
