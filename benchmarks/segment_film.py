"""Speed and peak memory of `mambaseg segment` on films of growing length.

    python benchmarks/segment_film.py [300 3000]

The films repeat the sample echocardiogram. Each is segmented by a process of its own, whose
peak resident memory the operating system reports when it ends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import numpy as np
import torch
from record import record, table

from mambaseg.data import read_image, sample_path


def write_film(path: Path, n_frames: int) -> None:
    clip = np.moveaxis(np.asarray(read_image(sample_path("echo")).array[:]), 0, -1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        stream.height, stream.width = clip.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for i in range(n_frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(clip[i % len(clip)]))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def segment(film: Path, folder: Path) -> tuple[float, float]:
    """Frames per second, and peak memory in MiB, of one process."""
    report = folder / "run.json"
    command = [sys.executable, "-m", "mambaseg.cli", "segment", str(film), "-m", "vivim-echo-demo"]
    process = subprocess.Popen([*command, "-o", str(folder), "--report", str(report)])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"segmenting {film} failed")
    speed = json.loads(report.read_text())["per_second"]
    return speed, usage.ru_maxrss / 1024


def main() -> None:
    lengths = [int(argument) for argument in sys.argv[1:]] or [300, 3000]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for n_frames in lengths:
            film = Path(folder) / f"{n_frames}.mp4"
            write_film(film, n_frames)
            speed, memory = segment(film, Path(folder))
            rows.append([str(n_frames), f"{speed:.1f}", f"{memory:.0f}"])
    record(
        "Segmenting films of growing length",
        f"python benchmarks/segment_film.py {' '.join(map(str, lengths))}",
        f"`mambaseg segment` with `vivim-echo-demo` on {torch.get_num_threads()} thread(s), "
        "reading and writing included in the memory and not in the speed.\n\n"
        + table(["frames", "frames per second", "peak memory (MiB)"], rows),
    )


if __name__ == "__main__":
    main()
