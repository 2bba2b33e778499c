"""What a mask held, and when: a log that outlives the process, and what it says of a restored mask.

Each line is written at once; the operating system keeps it when the process is killed. A thread of
its own notes how late it comes to write to the same disk: that much the machine has stolen.
"""

from __future__ import annotations

import base64
import json
import os
import threading
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SHAPE = (6, 48, 60)
LOST_S = 1.0
_BEAT_S = 0.05


class StateLog:
    """Writes the log, to `states.jsonl` in a folder."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "states.jsonl").open("ab", buffering=0)
        self._last = np.zeros(SHAPE, np.uint8)
        threading.Thread(target=self._beat, args=(folder / "beat",), daemon=True).start()

    def begin(self, kind: str, frame: int) -> None:
        """Say that an edit of a frame begins: "drawn", "untold", "undo" or "redo"."""
        self._write(begin=kind, frame=frame)

    def state(self, mask: np.ndarray) -> None:
        """Say what the mask holds, if that is new."""
        if not np.array_equal(mask, self._last):
            self._last = mask.copy()
            packed = base64.b64encode(zlib.compress(self._last.tobytes(), 1))
            self._write(mask=packed.decode())

    def end(self) -> None:
        """Say that the edit is done."""
        self._write(end=True)

    def _beat(self, path: Path) -> None:
        with path.open("ab", buffering=0) as file:
            while True:
                self._write(beat=True)
                file.write(b".")
                os.fsync(file.fileno())
                time.sleep(_BEAT_S)

    def _write(self, **words: Any) -> None:
        self._file.write(json.dumps({"time": time.time(), **words}).encode() + b"\n")


@dataclass(frozen=True)
class Told:
    """What a log says.

    Parameters
    ----------
    times : sequence of float
        When each state began, in seconds since 1970.
    masks : ndarray
        The states, shape (N, T, Y, X).
    versions : ndarray of int
        Shape (N, T): how often the plane had been changed by then by edits of which the journal
        is told at once; the others it has to find.
    beats : sequence of float
        When the heart beat.
    pending : str
        The kind of the edit that had not ended; empty if there was none.
    frame : int
        The frame of that edit.
    """

    times: Sequence[float]
    masks: np.ndarray
    versions: np.ndarray
    beats: Sequence[float]
    pending: str
    frame: int

    def stolen_s(self, since: float, until: float) -> float:
        """How long all the process stood still, beyond twice the time between two beats."""
        beats = np.array([since, *(one for one in self.beats if since < one < until), until])
        return float(np.maximum(np.diff(beats) - 2 * _BEAT_S, 0).sum())

    def fits(self, restored: np.ndarray, when: float) -> bool:
        """Whether a mask is one whole state, none of its edits missing that had their second.

        Edits that the journal has to find may come later than others that were made after them,
        in whole planes, as they are found. A stroke or a run may be on disk before its state is in
        the log: nothing is known of its frame while it is under way.
        """
        due = [when - since - self.stolen_s(since, when) > LOST_S for since in self.times]
        first = max((n for n, is_due in enumerate(due) if is_due), default=0)
        same = (self.masks[first:] == restored).all((2, 3))
        held = [set(self.versions[first:][same[:, n], n]) for n in range(len(restored))]
        if self.pending == "drawn":
            held[self.frame] = set(self.versions[first:, self.frame])
        return any(
            all(version in known for version, known in zip(state, held, strict=True))
            for state in self.versions[first:]
        )


def read_log(folder: Path) -> Told:
    """Read a log, as far as it is whole."""
    times, masks, beats, pending, frame = [0.0], [np.zeros(SHAPE, np.uint8)], [], "", 0
    versions = [np.zeros(SHAPE[0], int)]
    for line in (folder / "states.jsonl").read_bytes().split(b"\n")[:-1]:
        entry = json.loads(line)
        pending = entry.get("begin", "" if "end" in entry else pending)
        frame = entry.get("frame", frame)
        if "beat" in entry:
            beats.append(entry["time"])
        if "mask" in entry:
            data = zlib.decompress(base64.b64decode(entry["mask"]))
            mask = np.frombuffer(data, np.uint8).reshape(SHAPE)
            changed = (mask != masks[-1]).any((1, 2))
            versions.append(versions[-1] + (changed if pending != "untold" else 0))
            times.append(entry["time"])
            masks.append(mask)
    return Told(times, np.stack(masks), np.stack(versions), beats, pending, frame)
