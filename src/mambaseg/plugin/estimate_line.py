"""What a run would need, said before it begins."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.compat import isalive
from qtpy.QtCore import QTimer

from mambaseg.inference import Estimate
from mambaseg.plugin.parts import Note
from mambaseg.session import Request, Session

__all__ = ["EstimateLine"]

_PAUSE_MS = 150


class EstimateLine(Note):
    """One quiet line, asked for once the choices have come to rest.

    Parameters
    ----------
    session : Session
        Whom to ask.
    request : callable
        Gives what Run would ask for; None where it would ask for nothing.
    """

    def __init__(self, session: Session, request: Callable[[], Request | None]) -> None:
        super().__init__()
        self._session, self._request = session, request
        self._number = 0
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_PAUSE_MS)
        self._rest.timeout.connect(self._ask)

    def renew(self) -> None:
        """Have it said anew."""
        self._number += 1
        self._rest.start()

    def _ask(self) -> None:
        request, number, ready = self._request(), self._number, self._session.ready
        if request is None or ready is None or ready.problem:
            self.setText("")
            return

        def told(estimate: Estimate) -> None:
            if isalive(self) and number == self._number:
                self.setText(estimate.text[:1].upper() + estimate.text[1:])

        def failed(error: Exception) -> None:  # the run will say why
            if isalive(self) and number == self._number:
                self.setText("")

        self._session.service.estimate(request, told, failed)
