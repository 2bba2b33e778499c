"""What the Segment panel says of an engine that cannot be started."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.usefixtures("display")
def test_an_engine_that_cannot_start_says_why_and_starts_with_a_later_run(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMBASEG_MEMORY_LIMIT", "much")
    desk.add_clip(3)
    panel = desk.segment()
    assert "MAMBASEG_MEMORY_LIMIT is 'much'" in panel.engine.text()
    assert "set it to one, or unset it" in panel.engine.text()
    monkeypatch.delenv("MAMBASEG_MEMORY_LIMIT")
    desk.click(panel.run_button)
    desk.wait(lambda: panel.device.findText("cpu") > 0)
    desk.wait(lambda: panel.run_button.isEnabled() and panel.engine.text().startswith("Ran on"))
