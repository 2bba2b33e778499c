"""The dataset.json of nnU-Net and of the Medical Segmentation Decathlon."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mambaseg.types.errors import DataSetError

__all__ = ["classes_of", "names_by_number", "read_description"]


def read_description(path: Path) -> dict[str, Any] | None:
    """Read a description; None where there is none.

    Raises
    ------
    DataSetError
        If it is no JSON with keys.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise DataSetError(
            f"{path} cannot be read as JSON: {' '.join(str(error).split())}. Mend it there."
        ) from error
    if not isinstance(content, dict):
        raise DataSetError(f"{path} holds no keys and values, as a dataset.json does. Mend it.")
    return content


def names_by_number(content: Any) -> tuple[str, ...] | None:
    """Give the names of {"0": "FLAIR", "1": "T1"} in the order of their numbers."""
    if not isinstance(content, Mapping) or not all(str(key).isdigit() for key in content):
        return None
    return tuple(str(content[key]) for key in sorted(content, key=lambda key: int(key)))


def classes_of(labels: Any, source: Path) -> tuple[dict[int, str], int | None]:
    """Read {"background": 0, "nerve": 1} or {"0": "background", "1": "nerve"}.

    nnU-Net's regions, whose value is a list, name no class: their values are called
    "class 1" and so on where nothing else names them.

    Returns
    -------
    classes : dict of int to str
        Background left out.
    ignore : int or None

    Raises
    ------
    DataSetError
        If it is neither.
    """
    classes: dict[int, str] = {}
    regions: set[int] = set()
    try:
        for key, value in labels.items():
            if isinstance(value, list):
                regions |= {int(one) for one in value}
            elif str(key).isdigit():
                classes[int(key)] = str(value)
            else:
                classes[int(value)] = str(key)
    except (AttributeError, TypeError, ValueError) as error:
        raise DataSetError(
            f"{source} does not say its labels as names with numbers. Mend it there."
        ) from error
    ignore = next((value for value, name in classes.items() if name == "ignore"), None)
    for value in sorted(regions - classes.keys()):
        classes[value] = f"class {value}"
    return {v: n for v, n in sorted(classes.items()) if v not in (0, ignore)}, ignore
