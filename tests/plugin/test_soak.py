"""Twenty runs leave nothing behind."""

from __future__ import annotations

import gc
import threading
from typing import Any

import psutil
import pytest
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

    def state() -> tuple[int, int, int]:
        gc.collect()
        desk.qtbot.wait(200)
        return process.num_threads(), len(process.children()), process.memory_info().rss

    def run() -> None:
        desk.click(panel.run_button)
        for box in panel.findChildren(QMessageBox):
            if box.isVisible():
                desk.click(next(b for b in box.buttons() if "Replace" in b.text()))
        desk.wait(panel.run_button.isEnabled)

    for _ in range(WARM_UP):
        run()
    threads, children, memory = state()
    for _ in range(RUNS):
        run()
    assert len(desk.viewer.layers) == 2
    after = state()
    assert after[0] <= threads
    assert after[1] <= children
    assert after[2] - memory < LIMIT_BYTES, f"{(after[2] - memory) / 2**20:.0f} MiB are left over"

    assert ours() - others
    session = panel.session
    desk.viewer.close()
    desk.wait(lambda: session.closed)
    for thread in ours() - others:
        thread.join(60)
    assert [one.name for one in ours() - others] == []
