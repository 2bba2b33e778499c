"""How long napari keeps a click waiting while mambaseg works, and how fast masks are carried.

xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/workbench.py [RUNS]

A timer of 20 ms in Qt's loop notes how late it is, while the viewer plays a clip of 300 frames of
600 x 800 at 10 frames per second, with image and mask on the screen, and does what each function
of workbench_modes.py says. Each run is a process of its own, in folders of its own. Then masks of
that size are blended between two frames, and carried to one frame by optical flow.

Writes its section of RESULTS.md, and ends with 1 if anything adds more than 50 ms to the median of
napari's bare redraw, an edit takes longer than it may, or torch is first imported in Qt's thread.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from record import record, table
from workbench_modes import MODES, SHAPE, Start, add_clip

TICK_MS, PLAY_MS = 20, 100
LIMIT_MS, BLEND_MS, CARRY_MS = 50, 100, 300
LONGEST_S = 45
EDITS = 7


class TorchWatch:
    """Notes the thread in which torch is first imported."""

    thread: str | None = None

    def find_spec(self, name: str, *_: Any) -> None:
        if name == "torch" and self.thread is None:
            self.thread = threading.current_thread().name


def waits_of(start: Start, viewer: Any) -> list[float]:
    """How late each tick is, in ms, until the work has ended or for 45 s."""
    from qtpy.QtCore import Qt, QTimer
    from qtpy.QtTest import QTest

    late, last = [], [time.perf_counter()]

    def tick() -> None:
        now = time.perf_counter()
        late.append(max(0.0, 1000 * (now - last[0]) - TICK_MS))
        last[0] = now

    def play() -> None:
        viewer.dims.set_current_step(0, (viewer.dims.current_step[0] + 1) % SHAPE[0])

    timers = []
    for slot, interval in ((tick, TICK_MS), (play, PLAY_MS)):
        timer = QTimer()
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.timeout.connect(slot)
        timer.start(interval)
        timers.append(timer)
    begun, ended = time.perf_counter(), start()
    while not ended() and time.perf_counter() - begun < LONGEST_S:
        QTest.qWait(20)
    for timer in timers:
        timer.stop()
    return late


def measure(mode: str) -> dict[str, Any]:
    """One run in this process."""
    watch = TorchWatch()
    sys.meta_path.insert(0, watch)  # type: ignore[arg-type]
    import napari
    from qtpy.QtTest import QTest

    viewer = napari.Viewer(title=mode)
    viewer.window.resize(1280, 720)
    add_clip(viewer)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        start = MODES[mode](viewer, Path(folder))
        QTest.qWait(1000)
        late = waits_of(start, viewer)
    result = {
        "median": statistics.median(late),
        "p95": sorted(late)[int(0.95 * len(late))],
        "maximum": max(late),
        "ticks": len(late),
        "torch_thread": watch.thread,
    }
    viewer.close()
    return result


def edits() -> dict[str, float]:
    """Milliseconds to blend one mask between two, and to carry one to the next frame by flow."""
    import numpy as np

    from mambaseg.editing import interpolate, propagate

    rows, columns = np.indices(SHAPE[1:])
    first, last = (
        (np.hypot(rows - 300, columns - x) < radius).astype(np.uint8)
        for x, radius in ((380, 150), (420, 120))
    )
    texture = np.random.default_rng(0).integers(0, 255, SHAPE[1:], np.uint8)
    frames = [np.roll(texture, 3 * index, axis=1)[None].repeat(3, axis=0) for index in range(2)]

    def milliseconds(work: Callable[[], object]) -> float:
        times = []
        for _ in range(EDITS + 1):  # the first one imports and compiles
            begun = time.perf_counter()
            work()
            times.append(1000 * (time.perf_counter() - begun))
        return statistics.median(times[1:])

    return {
        "blend": milliseconds(lambda: interpolate(first, last, 1)),
        "carry": milliseconds(lambda: list(propagate(frames.__getitem__, {0: first}, range(1, 2)))),
    }


def waits(rows: dict[str, list[dict[str, Any]]]) -> str:
    lines = []
    for mode, results in rows.items():
        median, p95 = (
            statistics.median(result[key] for result in results) for key in ("median", "p95")
        )
        worst = max(result["maximum"] for result in results)
        ticks = sum(result["ticks"] for result in results)
        told = (MODES[mode].__doc__ or "").rstrip(".")
        lines.append([told, f"{median:.1f}", f"{p95:.0f}", f"{worst:.0f}", str(ticks)])
    return table(["", "median", "95 %", "maximum", "ticks"], lines)


def run(arguments: list[str]) -> Any:
    """Do one thing in a process and folders of its own; gives what it prints."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        names = ("DATA", "CONFIG", "STATE")
        folders = {f"XDG_{name}_HOME": str(Path(home, name.lower())) for name in names}
        done = subprocess.run(
            [sys.executable, __file__, *arguments],
            env=os.environ | folders | {"NAPARI_CONFIG": str(Path(home, "napari.yaml"))},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    if sys.argv[1:2] == ["--mode"]:
        print(json.dumps(measure(sys.argv[2])))
        return 0
    if sys.argv[1:2] == ["--edits"]:
        print(json.dumps(edits()))
        return 0
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    rows: dict[str, list[dict[str, Any]]] = {mode: [] for mode in MODES}
    for _ in range(runs):
        for mode in MODES:  # in turn, so that all meet the same load of the machine
            rows[mode].append(run(["--mode", mode]))
            print(mode, rows[mode][-1], flush=True)
    edit = run(["--edits"])
    threads = {result["torch_thread"] for results in rows.values() for result in results} - {None}
    medians = {m: statistics.median(r["median"] for r in results) for m, results in rows.items()}
    added = {
        mode: median - medians["bare" if mode == "segment" else "idle"]
        for mode, median in medians.items()
        if mode not in ("idle", "bare")
    }
    told = ", ".join(f"{mode.replace('_', '-')} {ms:.1f}" for mode, ms in added.items())
    blend, carry = edit["blend"], edit["carry"]
    text = f"""Xvfb with software rendering; {SHAPE[0]} frames of {SHAPE[1]} x {SHAPE[2]} in colour,
`vivim-echo-demo`, at most {LONGEST_S} s each; load of the machine at the end
{os.getloadavg()[0]:.1f}. How late a timer of {TICK_MS} ms is, in ms: medians over the runs, the
maximum over all of them.

{waits(rows)}

Added to the median of napari's bare redraw, in ms (limit {LIMIT_MS}): {told}. torch was
imported in {", ".join(sorted(threads)) or "no thread"} of napari's process. A mask blended between
two frames takes {blend:.0f} ms (limit {BLEND_MS}), one carried to the next frame by optical flow
{carry:.0f} ms (limit {CARRY_MS})."""
    slow = blend > BLEND_MS or carry > CARRY_MS
    if max(added.values()) > LIMIT_MS or slow or "MainThread" in threads:
        print(text)
        return 1
    record("How long napari keeps a click waiting", f"python benchmarks/workbench.py {runs}", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
