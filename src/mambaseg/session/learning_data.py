"""What there is to learn from: the user's stores of verified frames."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mambaseg.corrections import Store, corrections_folder
from mambaseg.types import LabelSet, MedicalImage
from mambaseg.types.errors import MambasegError

__all__ = ["LearningData", "list_learning_data"]


@dataclass(frozen=True)
class LearningData:
    """A store with verified frames.

    Parameters
    ----------
    path : Path
        The store.
    label_set : LabelSet
        Its classes.
    verified : dict of str to tuple of int
        Verified frames by case.
    example : MedicalImage
        One of its images, read lazily.
    """

    path: Path
    label_set: LabelSet
    verified: dict[str, tuple[int, ...]]
    example: MedicalImage = field(compare=False)

    def __str__(self) -> str:
        frames, cases = sum(map(len, self.verified.values())), len(self.verified)
        part, whole = ("slice", "volume") if self.example.kind == "volume" else ("frame", "clip")
        return (
            f"{', '.join(self.label_set.names.values())}: {frames} {part}{'s' * (frames != 1)} "
            f"in {cases} {whole}{'s' * (cases != 1)}"
        )


def list_learning_data() -> tuple[list[LearningData], list[str]]:
    """Read the user's stores.

    Returns
    -------
    data : list of LearningData
        Those that hold verified frames, the one that was changed last first.
    problems : list of str
        Why others could not be read.
    """
    found, problems = [], []
    for path in corrections_folder().glob("Dataset*_*"):
        try:
            data = _read(path)
        except MambasegError as error:
            problems.append(str(error))
            continue
        if data is not None:
            found.append((_changed(path), data))
    return [data for _, data in sorted(found, key=lambda one: -one[0])], problems


def _read(path: Path) -> LearningData | None:
    store = Store(path)
    verified = {
        case: tuple(frames) for case in store.cases() if (frames := store.verified_frames(case))
    }
    if not verified or store.label_set is None:
        return None
    return LearningData(path, store.label_set, verified, store.read(next(iter(verified)))[0])


def _changed(path: Path) -> float:
    with suppress(OSError):
        return (path / "labelsTr").stat().st_mtime  # each mask is renamed into it
    return 0.0
