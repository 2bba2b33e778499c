"""How news reach the thread that wants them."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Deliver", "call_at_once"]

Deliver = Callable[[Callable[[], None]], None]
"""Runs a function in the thread that owns the widgets; called from any thread."""


def call_at_once(function: Callable[[], None]) -> None:
    """Deliver without a thread of one's own to deliver to, as a script or test may."""
    function()
