"""What is measured of a mask: its classes, or regions made of several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.types.errors import InvalidOptionError, UnsupportedImageError
from mambaseg.types.labels import LabelSet

__all__ = ["Target", "brats_regions", "check_values", "common_classes", "select", "targets_of"]


@dataclass(frozen=True)
class Target:
    """A class or region: its name, and the values that it is made of."""

    name: str
    values: tuple[int, ...]

    def of(self, labels: NDArray[Any]) -> NDArray[np.bool_]:
        """Give its mask."""
        mask: NDArray[np.bool_] = labels == self.values[0]
        for value in self.values[1:]:
            mask |= labels == value
        return mask


def targets_of(label_set: LabelSet) -> tuple[Target, ...]:
    """Give a target for each class."""
    return tuple(Target(label.name, (label.value,)) for label in label_set.classes)


def brats_regions(prediction: set[int], reference: set[int]) -> tuple[Target, ...]:
    """Give the regions of BraTS: whole tumour (WT), tumour core (TC), enhancing tumour (ET).

    The data of 2012 to 2021 code the enhancing tumour as 4, those from 2023 on as 3. If a
    mask holds a 4, the first coding is taken: WT = {1, 2, 3, 4}, TC = {1, 3, 4}, ET = {4};
    otherwise the second: WT = {1, 2, 3}, TC = {1, 3}, ET = {3}.

    Parameters
    ----------
    prediction, reference : set of int
        The values that the masks hold.

    Raises
    ------
    UnsupportedImageError
        If the masks hold other values, or are coded differently.
    """
    strange = sorted((prediction | reference) - {0, 1, 2, 3, 4})
    if strange:
        raise UnsupportedImageError(
            f"The masks hold the values {strange}, but those of BraTS are 0 to 4: leave the BraTS "
            "regions out, or measure masks of BraTS."
        )
    for one, other in ((prediction, reference), (reference, prediction)):
        if 4 in one and 3 not in one and 3 in other and 4 not in other:
            name = "prediction" if one is prediction else "reference"
            raise UnsupportedImageError(
                f"The {name} codes the enhancing tumour as 4 (BraTS to 2021) and the other mask "
                "as 3 (BraTS from 2023): renumber one of them."
            )
    old = 4 in prediction | reference
    return (
        Target("WT", (1, 2, 3, 4) if old else (1, 2, 3)),
        Target("TC", (1, 3, 4) if old else (1, 3)),
        Target("ET", (4,) if old else (3,)),
    )


def select(targets: tuple[Target, ...], names: tuple[str, ...] | None) -> tuple[Target, ...]:
    """Choose targets by name; None: all.

    Raises
    ------
    InvalidOptionError
        If there is none of that name.
    """
    if names is None:
        return targets
    known = {target.name: target for target in targets}
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise InvalidOptionError(
            f"There is no class {', '.join(unknown) or 'chosen'}; the masks have "
            f"{', '.join(known)}."
        )
    return tuple(target for target in targets if target.name in names)


def common_classes(prediction: LabelSet, reference: LabelSet) -> LabelSet:
    """Give the classes of two masks that are to be compared.

    Files of other programs name no classes; theirs are those values that happen to occur,
    so that of two such masks the classes are put together.

    Raises
    ------
    UnsupportedImageError
        If both masks name their classes, and differ; or if the reference does not, and holds
        what may be a class that the prediction lacks or "not annotated".
    """
    named = [one for one in (reference, prediction) if not _unnamed(one)]
    if not named:
        return LabelSet.from_names({**prediction.names, **reference.names})
    if len(named) == 1 and prediction.ignore in reference.names and named[0] is prediction:
        raise UnsupportedImageError(
            f"The reference holds the value {prediction.ignore}, which is no class of the "
            f"prediction ({_listed(prediction)}) and may stand for 'not annotated': name the "
            "reference's classes."
        )
    if len(named) == 2 and prediction.names != reference.names:
        sides = (
            ("prediction", prediction.names, reference.names),
            ("reference", reference.names, prediction.names),
        )
        told = [
            f"the {side} lacks {', '.join(f'{v} ({n})' for v, n in other.items() if v not in own)}"
            for side, own, other in sides
            if set(other) - set(own)
        ] or ["they name them differently"]
        raise UnsupportedImageError(
            f"The masks have not the same classes: {', and '.join(told)}. The prediction's are "
            f"{_listed(prediction)}, the reference's {_listed(reference)}. Compare masks of the "
            "same classes."
        )
    return named[0]


def check_values(side: str, values: set[int], label_set: LabelSet) -> None:
    """Refuse values that are no class, and would else be taken for background.

    A reference may hold `label_set.ignore` too.

    Raises
    ------
    UnsupportedImageError
        If there are some.
    """
    known = {0, *label_set.names} | ({label_set.ignore} if side == "reference" else set())
    strange = sorted(values - known)
    if strange:
        some = ", ".join(map(str, strange[:5])) + (", ..." if len(strange) > 5 else "")
        raise UnsupportedImageError(
            f"The {side} holds the values {some}, but the classes are {_listed(label_set)}: "
            "name all classes, or renumber its labels."
        )


def _unnamed(label_set: LabelSet) -> bool:
    return all(name == f"class {value}" for value, name in label_set.names.items())


def _listed(label_set: LabelSet) -> str:
    return ", ".join(f"{value} ({name})" for value, name in label_set.names.items())
