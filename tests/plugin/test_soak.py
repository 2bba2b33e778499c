"""Twenty runs leave nothing behind."""

from __future__ import annotations

import gc
import threading
from typing import Any

import psutil
import pytest
from patience import PATIENCE_S
from qtpy.QtWidgets import QMessageBox

pytestmark = [pytest.mark.usefixtures("display"), pytest.mark.slow]

RUNS, WARM_UP = 20, 3
LIMIT_BYTES = 50 * 2**20


def ours() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if one.name.startswith("mambaseg")}


def test_twenty_runs_leave_no_thread_process_or_memory(desk: Any) -> None:
    process, others = psutil.Process(), ours()
    desk.add_clip(12)
    panel = desk.segment()

    def state() -> tuple[int, int]:
        gc.collect()
        desk.qtbot.wait(200)
        return process.num_threads(), len(process.children())

    def run() -> None:
        desk.click(panel.run_button)
        for box in panel.findChildren(QMessageBox):
            if box.isVisible():
                desk.click(next(b for b in box.buttons() if "Replace" in b.text()))
        desk.wait(panel.run_button.isEnabled)

    for _ in range(WARM_UP):
        run()
    before, memory = state(), process.memory_info().rss
    for _ in range(RUNS):
        run()
    assert len(desk.viewer.layers) == 2
    # What is about to end goes; what was left over stays.
    desk.wait(lambda: all(now <= then for now, then in zip(state(), before, strict=True)))
    more = process.memory_info().rss - memory
    assert more < LIMIT_BYTES, f"{more / 2**20:.0f} MiB are left over"

    assert ours() - others
    session = panel.session
    desk.viewer.close()
    desk.wait(lambda: session.closed)
    for thread in ours() - others:
        thread.join(PATIENCE_S)
    assert [one.name for one in ours() - others] == []
