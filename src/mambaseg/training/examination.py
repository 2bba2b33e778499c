"""A fine-tuning's networks on what is held out: their scores, and what they find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import mean
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mambaseg.data.window import rgb_plane
from mambaseg.metrics import Row
from mambaseg.training.events import Dice
from mambaseg.training.held_out import dice_rows, mean_dices
from mambaseg.training.held_out_views import HeldOutView, HeldOutViews, read_views, write_views
from mambaseg.training.run import Run
from mambaseg.training.run_state import RunState
from mambaseg.training.scored_frames import Scored
from mambaseg.training.tuning_data import OpenData
from mambaseg.types.segmentation import Segmentation

__all__ = ["Examination"]

_MOST = 4
_WIDEST = 480


class Examination:
    """Scores networks on what is held out, and keeps views of a few frames in the run's folder.

    Parameters
    ----------
    run : Run
        Whose folder takes the views; those that lie there are gone on with.
    state : RunState
    data : OpenData
    device : torch.device

    Attributes
    ----------
    rows : tuple of Row
        Dice of the network that was examined last, frame by frame.
    """

    def __init__(self, run: Run, state: RunState, data: OpenData, device: torch.device) -> None:
        self.rows: tuple[Row, ...] = ()
        self._run, self._recipe, self._data, self._device = run, state.recipe, data, device
        # Of a whole clip or volume one plane is looked at.
        planes = {"clips": "frame", "volumes": "slice"}
        self._unit = planes.get(state.unit, state.unit.removesuffix("s"))
        held_out = [(case, f) for case, frames in state.split.held_out.items() for f in frames]
        chosen = np.linspace(0, len(held_out) - 1, min(len(held_out), _MOST)).round().astype(int)
        self._wanted = {held_out[index] for index in chosen}
        earlier = read_views(run.views_file)
        self._views = {(v.case, v.frame): v for v in earlier.views} if earlier else {}

    def __call__(self, network: nn.Module) -> Dice:
        """Give the mean Dice of a network by class; empty where nothing is held out."""
        rows = dice_rows(
            network,
            self._recipe,
            self._data.scored(),
            self._device,
            mirror=False,
            look=self._take,
        )
        self.rows = tuple(rows)
        return mean_dices(rows)

    def call(self, *stages: str) -> None:
        """Give what the last network finds the names of other stages, too."""
        for place, view in self._views.items():
            masks = view.masks | dict.fromkeys(stages, view.masks["now"])
            dice = view.dice | {stage: view.dice["now"] for stage in stages if "now" in view.dice}
            self._views[place] = replace(view, masks=masks, dice=dice)

    def write(self) -> None:
        """Write the views, if there are any; raises OutputError."""
        if self._views:
            views = [self._views[place] for place in sorted(self._views)]
            write_views(
                self._run.views_file, HeldOutViews(self._unit, self._recipe.label_set, views)
            )

    def _take(self, scored: Scored, found: Segmentation, rows: Sequence[Row]) -> None:
        truth = np.asarray(scored.reference.labels)
        for index, frame in self._places(scored, truth):
            place = scored.case, frame
            step = -(-max(truth.shape[-2:]) // _WIDEST)
            view = self._views.get(place)
            if view is None:
                picture = rgb_plane(scored.image, frame)[::step, ::step]
                small = np.ascontiguousarray(truth[index, ::step, ::step].astype(np.uint8))
                view = HeldOutView(*place, np.ascontiguousarray(picture), small, {}, {})
            mask = np.asarray(found.labels[index])[::step, ::step].astype(np.uint8)
            shown = {self._recipe.labels.get(value) for value in np.unique(truth[index]).tolist()}
            dice = [row.value for row in rows if row.frame == frame and row.class_name in shown]
            now = {"now": round(mean(dice), 4)} if dice else {}
            self._views[place] = replace(
                view, masks=view.masks | {"now": mask}, dice=view.dice | now
            )

    def _places(self, scored: Scored, truth: NDArray[Any]) -> list[tuple[int, int]]:
        """Give which of what is scored is looked at: its index, and its number in the image."""
        if scored.labelled is not None:
            numbered = enumerate(scored.labelled)
            return [(i, frame) for i, frame in numbered if (scored.case, frame) in self._wanted]
        # Of a whole case the plane that shows most.
        area = np.isin(truth, list(self._recipe.labels)).sum(axis=(1, 2))
        best = int(np.argmax(area))
        known = (scored.case, best) in self._views
        return [(best, best)] if known or len(self._views) < _MOST else []
