"""How long napari keeps a click waiting while a clip is segmented.

xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/workbench.py [RUNS]

A timer of 20 ms in Qt's loop notes how late it is, while the viewer plays the clip at 10 frames
per second with the image and the mask on the screen:

idle    nothing else happens;
bare    the engine segments the clip in a thread, a Labels layer is added when it starts, and
        redrawn at each chunk;
panel   the Segment panel does it, from the press of Run to the end.

Each run is a process of its own. Writes its section of RESULTS.md, and ends with 1 if the
panel adds more than 50 ms to the median or torch is first imported in Qt's thread.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from record import record, table

TICK_MS, PLAY_MS, IDLE_S = 20, 100, 5
LIMIT_MS = 50
MODES = ("idle", "bare", "panel")


class TorchWatch:
    """Notes the thread in which torch is first imported."""

    thread: str | None = None

    def find_spec(self, name: str, *_: Any) -> None:
        if name == "torch" and self.thread is None:
            self.thread = threading.current_thread().name


def waits_of(run: Callable[[], Callable[[], bool]], viewer: Any) -> list[float]:
    """How late each tick is, in ms, until what `run` gives says that it has ended."""
    from qtpy.QtCore import Qt, QTimer
    from qtpy.QtTest import QTest

    late, last = [], [time.perf_counter()]

    def tick() -> None:
        now = time.perf_counter()
        late.append(max(0.0, 1000 * (now - last[0]) - TICK_MS))
        last[0] = now

    def play() -> None:
        viewer.dims.set_current_step(0, (viewer.dims.current_step[0] + 1) % 30)

    timers = []
    for slot, interval in ((tick, TICK_MS), (play, PLAY_MS)):
        timer = QTimer()
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.timeout.connect(slot)
        timer.start(interval)
        timers.append(timer)
    ended = run()
    while not ended():
        QTest.qWait(20)
    for timer in timers:
        timer.stop()
    return late


def measure(mode: str) -> dict[str, Any]:
    """One run in this process."""
    watch = TorchWatch()
    sys.meta_path.insert(0, watch)  # type: ignore[arg-type]
    import napari
    import numpy as np
    from qtpy.QtTest import QTest

    from mambaseg.plugin.from_layers import image_of
    from mambaseg.plugin.sessions import session_of
    from mambaseg.session import FramesDone, Request, Started, Succeeded
    from mambaseg.zoo import load_model

    viewer = napari.Viewer(title=mode)
    viewer.window.resize(1280, 720)
    viewer.open_sample("mambaseg", "echo")
    image = viewer.layers[0]
    session = session_of(viewer)
    panel = None
    if mode == "panel":
        _, panel = viewer.window.add_plugin_dock_widget("mambaseg", "Segment")
    else:
        session.prepare()
    while session.ready is None or session.models is None:
        QTest.qWait(50)
    QTest.qWait(1000)
    done: list[Any] = []

    def listen(event: Any) -> None:
        if isinstance(event, Started):
            empty = np.zeros(image.data.shape[:3], np.uint8)
            viewer.add_labels(empty, scale=image.scale, units=image.units)
        elif isinstance(event, FramesDone):
            viewer.layers[-1].refresh()
        elif isinstance(event, Succeeded):
            done.append(event)

    def run() -> Callable[[], bool]:
        start = time.perf_counter()
        if mode == "idle":
            return lambda: time.perf_counter() - start > IDLE_S
        if panel is not None:
            panel.run_button.click()
            return lambda: bool(panel.run_button.isEnabled())
        session.service.submit(Request(image_of(image), load_model("vivim-echo-demo")), listen)
        return lambda: bool(done)

    late = waits_of(run, viewer)
    result = {
        "median": statistics.median(late),
        "p95": sorted(late)[int(0.95 * len(late))],
        "maximum": max(late),
        "ticks": len(late),
        "torch_thread": watch.thread,
    }
    viewer.close()
    return result


def waits(rows: dict[str, list[dict[str, Any]]]) -> str:
    names = {
        "idle": "napari playing the clip, no load",
        "bare": "the same, engine in a thread, napari's own adding and redraw of a Labels layer",
        "panel": "the same, the Segment panel's run",
    }
    lines = []
    for mode, results in rows.items():
        median, p95 = (
            statistics.median(result[key] for result in results) for key in ("median", "p95")
        )
        worst = max(result["maximum"] for result in results)
        ticks = sum(result["ticks"] for result in results)
        lines.append([names[mode], f"{median:.1f}", f"{p95:.0f}", f"{worst:.0f}", str(ticks)])
    return table(["", "median", "95 %", "maximum", "ticks"], lines)


def main() -> int:
    if len(sys.argv) > 2 and sys.argv[1] == "--mode":
        print(json.dumps(measure(sys.argv[2])))
        return 0
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    rows: dict[str, list[dict[str, Any]]] = {mode: [] for mode in MODES}
    for _ in range(runs):
        for mode in MODES:  # in turn, so that all meet the same load of the machine
            command = [sys.executable, __file__, "--mode", mode]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            rows[mode].append(json.loads(printed.splitlines()[-1]))
            print(mode, rows[mode][-1])
    threads = {result["torch_thread"] for results in rows.values() for result in results}
    added = statistics.median(r["median"] for r in rows["panel"]) - statistics.median(
        r["median"] for r in rows["bare"]
    )
    if added > LIMIT_MS or "MainThread" in threads:
        print(f"{waits(rows)}\nThe panel adds {added:.1f} ms; torch was imported in {threads}.")
        return 1
    record(
        "How long napari keeps a click waiting during a Segment run",
        f"python benchmarks/workbench.py {runs}",
        f"""Xvfb with software rendering; sample clip, `vivim-echo-demo`; load of the machine at the
end {os.getloadavg()[0]:.1f}. How late a timer of {TICK_MS} ms is, in ms: medians over the runs, the
maximum over all of them.

{waits(rows)}

The panel adds {added:.1f} ms to the median (limit {LIMIT_MS} ms). torch was first imported in
{", ".join(sorted(map(str, threads)))}, never in Qt's thread.""",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
