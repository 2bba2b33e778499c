"""How the engine gives way when memory runs short, a step at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import torch

from mambaseg.inference.plans import Plan
from mambaseg.inference.precision import computes_bfloat16, precision_for
from mambaseg.inference.rungs import Rung
from mambaseg.inference.settings import Precision, Settings

__all__ = ["Ladder", "Shortage"]

Shortage = Literal["device", "host"]
"""Whose memory is short: the accelerator's, or the machine's. On the CPU they are one."""


class Ladder:
    """The settings of one run, and the steps that are left.

    Parameters
    ----------
    plan : Plan
    settings : Settings
        To begin with.
    precision : {"float32", "bfloat16"} or None
        What the user asked for, which is not changed; None: nothing.
    """

    def __init__(self, plan: Plan, settings: Settings, precision: Precision | None = None) -> None:
        self.settings = settings
        self.first_device = settings.device
        self.rungs: list[Rung] = []
        self._plan = plan
        self._asked = precision
        self._closed: set[Rung] = {"bfloat16"} if precision else set()
        self._larger: tuple[int, ...] | None = None
        self._steps: dict[Rung, Callable[[Settings, Shortage], Settings | None]] = {
            "smaller_batch": _smaller_batch,
            "bfloat16": _bfloat16,
            "buffered": self._buffered,
            "stitch_on_cpu": self._stitch_on_cpu,
            "smaller_window": self._smaller_window,
            "network_on_cpu": self._network_on_cpu,
        }

    def down(self, shortage: Shortage) -> str | None:
        """Take the next step that helps against a shortage; say it, or None where none is left."""
        on_cpu = self.settings.device == "cpu"
        for rung in self._steps:
            if said := self.take(rung, "host" if on_cpu else shortage):
                return said
        return None

    def take(self, rung: Rung, shortage: Shortage) -> str | None:
        """Take a step if it is one here; say it, for example "2 windows at a time"."""
        if rung in self._closed or rung not in self._steps:
            return None
        changed = self._steps[rung](self.settings, shortage)
        if changed is None:
            return None
        if rung == "smaller_window":
            self._larger = self.settings.window
        self.settings = changed
        self.rungs.append(rung)
        return self._say(rung)

    def refuse_window(self) -> bool:
        """Go back to the last window, as the network does not take the smaller one."""
        if self._larger is None:
            return False
        self.settings = replace(self.settings, window=self._larger)
        self._larger = None
        self._closed.add("smaller_window")
        return True

    def to_float32(self) -> bool:
        """Leave bf16 for good, unless it was asked for."""
        if self.settings.precision == "float32" or self._asked == "bfloat16":
            return False
        self.settings = replace(self.settings, precision="float32")
        self._closed.add("bfloat16")
        self.rungs.append("float32")
        return True

    def _say(self, rung: Rung) -> str:
        said: dict[Rung, str] = {
            "smaller_batch": f"{self.settings.batch} at a time",
            "bfloat16": "numbers of half the size (bfloat16)",
            "buffered": "the disk for the sums of windows",
            "stitch_on_cpu": "the machine's memory for the sums of windows",
            "smaller_window": self._plan.seen(self.settings.window),
            "network_on_cpu": "the CPU",
        }
        return said[rung]

    def _buffered(self, settings: Settings, shortage: Shortage) -> Settings | None:
        in_memory = settings.device == "cpu" or settings.stitching == "memory"
        if shortage == "device" or not in_memory or settings.stitching == "disk":
            return None
        return replace(settings, stitching="disk") if self._plan.stitches else None

    def _stitch_on_cpu(self, settings: Settings, shortage: Shortage) -> Settings | None:
        if shortage == "host" or settings.stitching != "device" or not self._plan.stitches:
            return None
        return replace(settings, stitching="memory")

    def _smaller_window(self, settings: Settings, shortage: Shortage) -> Settings | None:
        smaller = self._plan.smaller_window(settings.window)
        return replace(settings, window=smaller) if smaller else None

    def _network_on_cpu(self, settings: Settings, shortage: Shortage) -> Settings | None:
        if settings.device == "cpu" or shortage == "host":
            return None
        precision = precision_for(torch.device("cpu"), self._asked)
        return replace(settings, device="cpu", precision=precision)


def _smaller_batch(settings: Settings, shortage: Shortage) -> Settings | None:
    return replace(settings, batch=settings.batch // 2) if settings.batch > 1 else None


def _bfloat16(settings: Settings, shortage: Shortage) -> Settings | None:
    able = computes_bfloat16(torch.device(settings.device))
    if settings.precision == "bfloat16" or not able:
        return None
    return replace(settings, precision="bfloat16")
