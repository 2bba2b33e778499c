"""The keys that work on a mask while it is corrected."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import napari
from app_model.types import KeyCode, KeyMod
from napari.utils.notifications import show_info, show_warning

from mambaseg.plugin import retouching
from mambaseg.plugin.keys import bind
from mambaseg.types.errors import UnsupportedImageError

if TYPE_CHECKING:
    from napari.layers import Labels

    from mambaseg.plugin.correction import Correction

__all__ = ["KEYS", "bind_keys", "bind_reason"]


def _on_marked(act: Callable[[Correction, range], Any]) -> Callable[[Correction], None]:
    def do(correction: Correction) -> None:
        if correction.marked:
            act(correction, correction.marked)
        else:
            show_info("No frames are marked: drag over some in the map of the Correct panel first.")

    return do


KEYS: dict[str, Callable[[Correction], Any]] = {
    "correct.verify": lambda correction: correction.toggle(),
    "correct.accept": lambda correction: correction.accept(),
    "correct.reject": lambda correction: retouching.reject(correction, [correction.edits.shown]),
    "correct.accept_marked": _on_marked(lambda correction, frames: correction.verify(frames)),
    "correct.reject_marked": _on_marked(retouching.reject),
    "correct.next_open": lambda correction: correction.walk.on(),
    "correct.previous_open": lambda correction: correction.walk.back(),
    "correct.doubtful": lambda correction: correction.walk.to_doubtful(),
    "correct.copy_previous": retouching.copy_previous,
    "correct.interpolate": retouching.interpolate_around,
    "correct.carry": lambda correction: correction.carry.toggle(),
}
"""What each key of the table does, with the mask's correction; by default none but V is one of
napari's own for masks."""

_DIGITS = [getattr(KeyCode, f"Digit{number}") for number in range(1, 10)]


def bind_keys(layer: Labels) -> None:
    """Have the keys work while the layer is the chosen one; they show the Correct panel too.

    Ctrl (on macOS Cmd) and a digit choose a class: digits alone are napari's tools.
    """
    for name, act in KEYS.items():
        bind(layer, name, _press(act))
    for number, digit in enumerate(_DIGITS):
        press = _press(partial(_choose, number))
        layer.bind_key(KeyMod.CtrlCmd | digit, press, overwrite=True)


def bind_reason(layer: Labels) -> None:
    """Have V say why a mask cannot be corrected yet, where napari's own V would hide the layer."""
    bind(layer, "correct.verify", _press(KEYS["correct.verify"]))


def _choose(number: int, correction: Correction) -> None:
    correction.choose_class(number)


def _press(act: Callable[[Any], None]) -> Any:
    def press(layer: Labels) -> None:
        from mambaseg.plugin.correct_panel import show_correct_panel
        from mambaseg.plugin.correction import correction_of

        viewer = napari.current_viewer()
        if viewer is None:
            return
        try:
            correction = correction_of(viewer, layer)
        except UnsupportedImageError as error:
            show_warning(str(error))
        else:
            show_correct_panel(viewer)
            act(correction)

    return press
