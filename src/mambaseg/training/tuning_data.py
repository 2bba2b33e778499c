"""What a fine-tuning learns from: a store of corrections, or a data set of any layout."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from mambaseg.corrections import Store
from mambaseg.corrections.dataset_file import image_names, label_name
from mambaseg.data.datasets import open_dataset
from mambaseg.training.labelled_set import OpenSet
from mambaseg.training.learnt import learnt_frames
from mambaseg.training.samples import random_samples
from mambaseg.training.scored_frames import Scored
from mambaseg.training.split import FrameSplit, propose_held_out, split_frames, split_margin
from mambaseg.training.stored_case import open_cases
from mambaseg.types.errors import TrainingError, UnreadableImageError
from mambaseg.types.finetuning_config import FineTuningConfig
from mambaseg.types.labels import LabelSet
from mambaseg.types.recipe import Recipe
from mambaseg.types.trained_model import ModelCard
from mambaseg.types.training_data import LabelledSet

__all__ = ["OpenData", "TuningData", "open_tuning_data"]

_HELD_OUT = 0.2
_MOST_REPLAYED = 32
"""Stretches without labels that are read."""

_MOST_SCORED = 24
"""Held-out cases of a data set that are segmented at each validation."""


@dataclass(frozen=True, eq=False)
class OpenData:
    """Opened data of a fine-tuning.

    Parameters
    ----------
    samples : Dataset
        Endless.
    unlabelled : callable
        Gives some stretches of frames (C, T, y, x) without labels, from 0 to 1, by name.
    scored : callable
        Gives what is held out.
    measurable : bool
        Whether anything that is held out shows an object.
    sha256 : dict of str to str
        Of the files of each case, one after the other: images, then labels.
    """

    samples: Dataset[Any]
    unlabelled: Callable[[], dict[str, Tensor]]
    scored: Callable[[], Iterator[Scored]]
    measurable: bool
    sha256: dict[str, str]


class TuningData(ABC):
    """Cases with labels, not opened yet."""

    @abstractmethod
    def label_set(self, parent: Recipe) -> LabelSet:
        """Give the classes to learn; raises TrainingError if there is nothing to learn from."""

    @abstractmethod
    def split(
        self, config: FineTuningConfig, recipe: Recipe, parent: ModelCard
    ) -> tuple[FrameSplit, str]:
        """Choose what trains and what is held out, if possible of what the parent never saw.

        Returns
        -------
        FrameSplit, str
            And what is counted: "frames", "slices", "images", "clips" or "volumes".

        Raises
        ------
        TrainingError
            If nothing would be left to train.
        """

    @abstractmethod
    def open(self, split: FrameSplit, config: FineTuningConfig, recipe: Recipe) -> OpenData:
        """Open the cases that a split names; raises MambasegError as reading does."""


def open_tuning_data(path: str) -> TuningData:
    """Open a store, or another data set.

    Raises
    ------
    MambasegError
        If the folder is damaged or of no known layout.
    """
    folder, description = Path(path), Path(path) / "dataset.json"
    if not folder.is_dir():
        raise TrainingError(
            f"There is no folder {path}: name a store of corrections, or a folder of another "
            "data set."
        )
    if description.is_file():
        ours = b'"mambaseg"' in _content(description)
    else:
        ours = not any(folder.iterdir())
    return _Stored(Store(folder)) if ours else _Listed(folder)


class _Stored(TuningData):
    """Verified frames of a store of corrections."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.verified = {
            case: frames for case in store.cases() if (frames := store.verified_frames(case))
        }

    def label_set(self, parent: Recipe) -> LabelSet:
        classes = self.store.label_set
        if classes is None or not self.verified:
            raise TrainingError(
                f"{self.store.path} holds no verified frames, so there is nothing to learn from: "
                "verify some frames of a clip first, five well spread ones for a start."
            )
        return classes

    def split(
        self, config: FineTuningConfig, recipe: Recipe, parent: ModelCard
    ) -> tuple[FrameSplit, str]:
        margin, held_out = split_margin(recipe), config.held_out
        if held_out is None:
            learnt = learnt_frames(parent, self.verified)
            held_out = propose_held_out(self.verified, margin=margin, learnt=learnt)
        split = split_frames(self.verified, held_out, margin=margin)
        if not split.training:
            raise TrainingError(
                f"All verified frames of {self.store.path} are held out or next to held-out ones, "
                "so none is left to train: hold out fewer, or verify more."
            )
        first = self.store.read(next(iter(self.verified)))[0]
        return split, "slices" if first.kind == "volume" else "frames"

    def open(self, split: FrameSplit, config: FineTuningConfig, recipe: Recipe) -> OpenData:
        cases = open_cases(self.store, split, recipe)
        training = [case for case in cases if case.training]
        samples = random_samples(
            recipe,
            tensors=lambda: [pair for case in training for pair in case.training_tensors(recipe)],
            volumes=lambda: [partial(case.training_volume, recipe) for case in training],
            augmentation=config.augmentation,
            seed=config.seed,
            foreground=config.foreground,
        )
        channels = self.store.channel_names or ()
        files = {
            case.case: [*image_names(case.case, channels), label_name(case.case)] for case in cases
        }

        def unlabelled() -> dict[str, Tensor]:
            found = [(case, chosen) for case in cases for chosen in case.unlabelled(recipe)]
            step = max(len(found) / _MOST_REPLAYED, 1.0)
            some = [found[int(i * step)] for i in range(min(len(found), _MOST_REPLAYED))]
            return {f"{c.case}:{chosen.start}": c.frames(chosen, recipe) for c, chosen in some}

        return OpenData(
            samples,
            unlabelled,
            lambda: (scored for case in cases for scored in case.scored(recipe)),
            any(case.shows_objects(case.held_out) for case in cases),
            {
                name: _sha256(self.store.path / one for one in paths)
                for name, paths in files.items()
            },
        )


class _Listed(TuningData):
    """Cases of a data set of any layout; whole cases are held out."""

    def __init__(self, folder: Path) -> None:
        self.dataset = open_dataset(folder)
        self.opened: OpenSet | None = None

    def label_set(self, parent: Recipe) -> LabelSet:
        names = self.dataset.classes
        known = {name.casefold() for name in parent.labels.values()}
        if names is None or {name.casefold() for name in names.values()} <= known:
            return parent.label_set
        return LabelSet.from_names(dict(names))

    def split(
        self, config: FineTuningConfig, recipe: Recipe, parent: ModelCard
    ) -> tuple[FrameSplit, str]:
        if config.held_out:
            raise TrainingError(
                f"{self.dataset.path} is no store of corrections, so single frames of it cannot be "
                "held out: leave that choice out, and whole cases are held out, or none."
            )
        opened = self._open(config, recipe)
        return _split(opened), "clips" if opened.unit == "frames" else opened.unit

    def open(self, split: FrameSplit, config: FineTuningConfig, recipe: Recipe) -> OpenData:
        opened = self._open(config, recipe)
        if _split(opened) != split:
            raise TrainingError(
                f"{self.dataset.path} has other cases now than when the run began: bring them "
                "back, or start in a new folder."
            )
        samples = random_samples(
            recipe,
            tensors=opened.training_tensors,
            volumes=opened.volume_readers,
            augmentation=config.augmentation,
            seed=config.seed,
            foreground=config.foreground,
        )
        hashes = {
            case.name: _sha256(map(Path, (*case.images, case.labels)))
            for case in self.dataset.cases
        }
        return OpenData(
            samples, dict, partial(opened.scored, _MOST_SCORED), bool(opened.held_out), hashes
        )

    def _open(self, config: FineTuningConfig, recipe: Recipe) -> OpenSet:
        if self.opened is None:
            cases = len(self.dataset.cases)
            # One at least; of a single case, or where the configuration says so, none.
            part = 0.0 if config.held_out == {} or cases == 1 else max(_HELD_OUT, 1.01 / cases)
            entry = LabelledSet(path=str(self.dataset.path.resolve()), held_out=part)
            self.opened = OpenSet.open(entry, recipe, Path(), config.seed)
            if not self.opened.training_names:
                raise TrainingError(
                    f"All cases of {self.dataset.path} are held out, so none is left to train: "
                    "hold out fewer, or add cases."
                )
        return self.opened


def _split(opened: OpenSet) -> FrameSplit:
    """Give a data set's split; a picture or volume counts as its frame 0."""

    def frames(names: list[str]) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(names, (0,))

    return FrameSplit(
        training=frames(opened.training_names), held_out=frames(opened.held_out_names), left_out={}
    )


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UnreadableImageError(
            f"{file} cannot be read: {error.strerror}. Check that it is there and may be read."
        ) from error


def _sha256(paths: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if not file.is_dir():
                found.update(_content(file))
    return found.hexdigest()
