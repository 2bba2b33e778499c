"""Images that every installation has."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from mambaseg.types.errors import UnknownNameError, UnreadableImageError

__all__ = ["sample_path"]


def _echo() -> Path:
    from pydicom.examples import get_path

    return Path(get_path("ybr_color"))


def _retina() -> Path:
    import skimage

    return Path(skimage.__file__).parent / "data" / "retina.jpg"


_SAMPLES: dict[str, Callable[[], Path]] = {"echo": _echo, "retina": _retina}


def sample_path(name: str) -> Path:
    """Path of a sample image.

    Parameters
    ----------
    name : {"echo", "retina"}
        "echo": the apical four-chamber echocardiogram that pydicom ships, a
        multi-frame DICOM of 30 frames of 240 x 320 pixels. "retina": the
        photograph of an eye's back that scikit-image ships (CC0, by M.
        Häggström), 1411 x 1411 pixels.

    Raises
    ------
    UnknownNameError
        If there is no sample of that name.
    UnreadableImageError
        If the package that ships it lacks the file.
    """
    if name not in _SAMPLES:
        near = get_close_matches(name, _SAMPLES, n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UnknownNameError(
            f"There is no sample {name!r}; the samples are {', '.join(_SAMPLES)}.{hint}"
        )
    path = _SAMPLES[name]()
    if not path.is_file():
        raise UnreadableImageError(
            f"The sample {name!r} is missing at {path}; install the package that ships it again."
        )
    return path
