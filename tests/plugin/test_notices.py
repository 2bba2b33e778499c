"""Errors in napari: a sentence, and what to put in a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mambaseg.log import log_path, tail_without_names
from mambaseg.session import versions
from mambaseg.types.errors import UnreadableImageError

pytest.importorskip("napari")
pytestmark = pytest.mark.usefixtures("display")


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The log file lies in a folder of its own."""
    import logging

    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "state"))
    logger = logging.getLogger("mambaseg")
    before, logger.handlers = logger.handlers, []
    yield log_path()
    for handler in logger.handlers:
        handler.close()
    logger.handlers = before


def raised(error: Exception) -> Exception:
    try:
        raise error
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(
    "error",
    [
        UnreadableImageError("/ward 3/Doe Jane.mp4 ends too early: export it again."),
        KeyError("Doe Jane"),
    ],
)
def test_an_error_is_told_and_can_be_copied(
    desk: Any, log: Path, notices: list[str], error: Exception
) -> None:
    from napari.utils.notifications import notification_manager

    from mambaseg.plugin.notices import report

    text = report(raised(error))
    assert notices == [text]
    assert str(error) in text
    assert notification_manager.records[-1].severity == "error"
    copied = desk.copied_diagnostics()
    assert copied.startswith(text)
    assert "\n".join(versions()) in copied
    rest = copied.removeprefix(text)
    assert type(error).__name__ in rest
    assert "Doe" not in rest
    assert "ward" not in rest
    assert str(Path.home()) not in rest
    assert "clipboard" in notices[-1]
    assert str(error) in log.read_text()


def test_the_log_is_told_without_names(log: Path) -> None:
    import json

    library = json.__file__
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(
        "2026-01-02 03:04:05,678 WARNING /ward/Doe.mp4 is no model\n"
        "2026-01-02 03:04:06,789 ERROR Traceback (most recent call last):\n"
        f'  File "{library}", line 3, in loads\n'
        "    return decode(text)\n"
        "           ^^^^^^\n"
        '  File "/home/jane/doe.py", line 4, in run\n'
        "    patient = 'Doe'\n"
        "ValueError: Doe\n"
        "Jane Doe, born in 1970\n"
    )
    assert tail_without_names() == [
        "2026-01-02 03:04:05,678 WARNING (words left out)",
        "2026-01-02 03:04:06,789 ERROR Traceback (most recent call last):",
        '  File "json/__init__.py", line 3, in loads',
        "    return decode(text)",
        "           ^^^^^^",
        '  File "elsewhere", line 4, in run',
        "ValueError",
    ]
    log.unlink()
    assert tail_without_names() == []
