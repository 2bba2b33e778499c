"""An array whose planes lie in another process, as the process that computes sees it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.service.messages import ArrayStub
from mambaseg.types.errors import Cancelled

__all__ = ["RemoteArray"]

_AHEAD = 4
"""Planes that are read beyond those that are asked for."""


class RemoteArray:
    """Reads planes on demand into slots of shared memory, and a few of those that follow.

    A plane is a frame with all channels, or some slices of a volume: one or more indices
    of the second axis, which a still image counts as having, of length 1. Planes stay
    in their slots until these are needed, so that overlapping clips read none twice.

    Parameters
    ----------
    stub : ArrayStub
        Shape, type and order of the array.
    slots : ndarray, shape (count, C, depth, ...)
        Where planes arrive.
    want : callable
        Asks for a plane, by its index, in a slot.
    """

    def __init__(
        self, stub: ArrayStub, slots: NDArray[Any], want: Callable[[int, int], None]
    ) -> None:
        self.shape, self.dtype, self.ndim = stub.shape, stub.dtype, stub.ndim
        self._order = stub.order
        self._length = 1 if self.ndim == 3 else self.shape[1]
        self._depth = slots.shape[2]
        self._slots: NDArray[Any] | None = slots
        self._want = want
        self._one_user = threading.Lock()
        self._news = threading.Condition()
        self._free = list(range(len(slots)))
        self._asked: dict[int, int] = {}  # plane: slot, of those on their way
        self._there: OrderedDict[int, int] = OrderedDict()  # those used longest ago first
        self._failed: dict[int, Exception] = {}

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)

    def __getitem__(self, key: Any) -> Any:
        """Read what numpy's indexing would give; all of it, but for one plane or a run of them."""
        keys = key if isinstance(key, tuple) else (key,)
        planes = keys[1] if len(keys) > 1 and self.ndim > 3 and Ellipsis not in keys[:2] else None
        if isinstance(planes, slice) and planes.step in (None, 1):
            return self._read(range(self._length)[planes])[keys[0], :, *keys[2:]]
        if isinstance(planes, int | np.integer):
            index = range(self._length)[planes]
            return self._read(range(index, index + 1))[keys[0], 0, *keys[2:]]
        whole = self._read(range(self._length))
        return whole[key] if self.ndim > 3 else whole[:, 0][key]

    def arrived(self, plane: int, slot: int, error: Exception | None) -> None:
        """Take note that a plane lies in its slot; called in the thread that receives."""
        with self._news:
            del self._asked[plane]
            if error is None:
                self._there[plane] = slot
            else:
                self._free.append(slot)
                self._failed[plane] = error
            self._news.notify_all()

    def close(self) -> None:
        """Let go of the slots; who still waits for a plane gets an error."""
        with self._news:
            self._slots = None
            self._news.notify_all()

    def _read(self, indices: range) -> NDArray[Any]:
        """Copy what lies at some indices of the second axis, shape (C, n, ...)."""
        out, depth = self._empty(len(indices)), self._depth
        with self._one_user:
            for plane in range(indices.start // depth, -(-indices.stop // depth)):
                first, last = plane * depth, (plane + 1) * depth
                start, stop = max(first, indices.start), min(last, indices.stop)
                place = slice(start - indices.start, stop - indices.start)
                held = self._plane(plane, -(-indices.stop // depth))
                out[:, place] = held[:, start - first : stop - first]
        return out

    def _empty(self, length: int) -> NDArray[Any]:
        """Make room in the order of axes that the array has in memory."""
        axes, shape = list(self._order), [self.shape[0], length, *self.shape[2:]]
        if self.ndim == 3:
            axes, shape = [axis + (axis > 0) for axis in axes] + [1], [self.shape[0], length]
            shape += self.shape[1:]
        room = np.empty([shape[axis] for axis in axes], self.dtype)
        return room.transpose(np.argsort(axes))

    def _plane(self, plane: int, stop: int) -> NDArray[Any]:
        """Wait for a plane, which stays in its slot until another one is asked for."""
        with self._news:
            while True:
                if plane in self._failed:
                    raise self._failed.pop(plane)
                if self._slots is None:
                    raise Cancelled("The run has ended.")
                self._ask(plane, stop)
                if plane in self._there:
                    self._there.move_to_end(plane)
                    return np.asarray(self._slots[self._there[plane]])
                self._news.wait()

    def _ask(self, plane: int, stop: int) -> None:
        """Have planes read from this one on, as far as there are slots."""
        wanted = range(plane, min(stop + _AHEAD, -(-self._length // self._depth)))
        for one in wanted:
            if one in self._asked or one in self._there or one in self._failed:
                continue
            if not self._free:
                old = next((known for known in self._there if known not in wanted), None)
                if old is None and one == plane:  # the others are needed later than this one
                    old = max(self._there, default=None)
                if old is None:
                    return
                self._free.append(self._there.pop(old))
            self._asked[one] = self._free.pop()
            self._want(one, self._asked[one])
