"""Messages over a pair of byte streams.

Both ends are ours and nobody else can open the pipes, so pickle may carry the messages. A service
on another machine would replace this module, and no other.
"""

from __future__ import annotations

import pickle
import threading
from contextlib import suppress
from typing import Any, BinaryIO

__all__ = ["Channel", "ChannelClosed"]


class ChannelClosed(Exception):  # noqa: N818 - what it says
    """The other end is gone."""


class Channel:
    """Sends from any thread, receives in one.

    Parameters
    ----------
    source, target : binary file
        Where messages come from, and where they go.
    """

    def __init__(self, source: BinaryIO, target: BinaryIO) -> None:
        self._source, self._target = source, target
        self._sending = threading.Lock()

    def send(self, message: Any) -> None:
        """Send a message.

        Raises
        ------
        ChannelClosed
            If the other end is gone.
        """
        data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        with self._sending:
            try:
                self._target.write(data)
                self._target.flush()
            except (OSError, ValueError) as error:
                raise ChannelClosed from error

    def receive(self) -> Any:
        """Wait for a message.

        Raises
        ------
        ChannelClosed
            If the other end is gone.
        """
        try:
            return pickle.load(self._source)  # noqa: S301
        except (EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
            raise ChannelClosed from error

    def hang_up(self) -> None:
        """Send no more, by which the other end knows."""
        with suppress(OSError, ValueError):
            self._target.close()

    def close(self) -> None:
        """Let go of both streams."""
        self.hang_up()
        with suppress(OSError, ValueError):
            self._source.close()
