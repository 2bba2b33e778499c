"""The keys that work on a mask while it is corrected."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from app_model.types import KeyCode, KeyMod
from napari.utils.notifications import show_info

from mambaseg.plugin import retouching

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

    from mambaseg.plugin.correction import Correction

__all__ = ["KEYS", "bind_keys"]


def _on_marked(act: Callable[[Correction, range], Any]) -> Callable[[Correction], None]:
    def do(correction: Correction) -> None:
        if correction.marked:
            act(correction, correction.marked)
        else:
            show_info("No frames are marked: drag over some in the map of the Correct panel first.")

    return do


KEYS: dict[str, Callable[[Correction], Any]] = {
    "V": lambda correction: correction.toggle(),
    "A": lambda correction: correction.accept(),
    "R": lambda correction: retouching.reject(correction, [correction.edits.shown]),
    "Shift-A": _on_marked(lambda correction, frames: correction.verify(frames)),
    "Shift-R": _on_marked(retouching.reject),
    "N": lambda correction: correction.walk.on(),
    "Shift-N": lambda correction: correction.walk.back(),
    "D": lambda correction: correction.walk.to_doubtful(),
    "C": retouching.copy_previous,
    "I": retouching.interpolate_around,
}
"""What each does, with the mask's correction; none but V is one of napari's own for masks."""

_DIGITS = [getattr(KeyCode, f"Digit{number}") for number in range(1, 10)]


def bind_keys(viewer: napari.Viewer, layer: Labels, correction: Correction) -> None:
    """Have the keys work while the layer is the chosen one; they show the Correct panel too.

    Ctrl (on macOS Cmd) and a digit choose a class: digits alone are napari's tools.
    """
    for key, act in KEYS.items():
        layer.bind_key(key, _press(viewer, correction, act), overwrite=True)
    for number, digit in enumerate(_DIGITS):
        choose = partial(_choose, number)
        press = _press(viewer, correction, choose)
        layer.bind_key(KeyMod.CtrlCmd | digit, press, overwrite=True)


def _choose(number: int, correction: Correction) -> None:
    correction.choose_class(number)


def _press(viewer: napari.Viewer, correction: Correction, act: Callable[[Any], None]) -> Any:
    def press(layer: Labels) -> None:
        from mambaseg.plugin.correct_panel import show_correct_panel

        show_correct_panel(viewer)
        act(correction)

    return press
