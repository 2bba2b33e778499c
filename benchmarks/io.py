"""How fast series and films are read, and in how much memory.

xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/io.py

Series   300 slices of 512 x 512: `read_image` of the folder against SimpleITK's own reader, names
         and pixels, in turn.
Film     640 x 480, in napari: every frame in order, then frames at random, each until it is drawn;
         as MPEG-4 with a key frame every 12 frames, and as H.264 with x264's own, every 250.
Length   10 minutes of film: how long `read_image` takes and by how much the process grows, until
         the first frame is there.

Writes its section of RESULTS.md, and ends with 1 if a limit is missed.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from record import record, table

SERIES_RATIO, FRAMES_PER_SECOND, RANDOM_MS, OPEN_S, OPEN_MIB = 1.3, 25, 80, 1.0, 200
WIDTH, HEIGHT, RATE = 640, 480, 30
FILMS = {"MPEG-4": ("mpeg4", 12), "H.264": ("libx264", 250)}


def make_series(folder: Path) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 2000, (512, 512), dtype=np.int16)
    series = generate_uid()
    for z in range(300):
        one = Dataset()
        one.file_meta = FileMetaDataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one.SOPClassUID, one.SOPInstanceUID = CTImageStorage, generate_uid()
        one.file_meta.MediaStorageSOPClassUID = CTImageStorage
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.SeriesInstanceUID = one.StudyInstanceUID = one.FrameOfReferenceUID = series
        one.Modality, one.InstanceNumber, one.SeriesNumber = "CT", z + 1, 1
        one.Rows = one.Columns = 512
        one.PixelSpacing, one.SliceThickness = [0.7, 0.7], 1.25
        one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        one.ImagePositionPatient = [-179, -179, z * 1.25]
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated = one.BitsStored = 16
        one.HighBit, one.PixelRepresentation = 15, 1
        one.RescaleSlope, one.RescaleIntercept = 1, -1024
        one.PixelData = (pixels + np.int16(z)).tobytes()
        one["PixelData"].VR = "OW"
        one.save_as(folder / f"{z:04}.dcm", enforce_file_format=True)


def make_film(path: Path, n_frames: int, codec: str, key_every: int) -> None:
    """Speckle that drifts, as ultrasound has it."""
    import av

    grain = np.random.default_rng(0).normal(90, 35, (HEIGHT, WIDTH + 200))
    grain = np.clip((grain + np.roll(grain, 1, 0) + np.roll(grain, 1, 1)) / 3, 0, 255)
    grey = grain.astype(np.uint8)
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = key_every
        if codec == "libx264":
            stream.options = {"preset": "veryfast"}
        else:
            stream.bit_rate = 4_000_000
        for index in range(n_frames):
            shift = abs(index % 200 - 100)
            picture = np.repeat(grey[:, shift : shift + WIDTH, None], 3, axis=2)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode())


def median_of(function: Callable[[], Any], runs: int) -> float:
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def measure_series(folder: Path) -> dict[str, float]:
    import SimpleITK

    from mambaseg.data import read_image

    def simpleitk() -> Any:
        reader = SimpleITK.ImageSeriesReader()
        reader.SetFileNames(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
        return reader.Execute()

    ours, theirs = [], []
    same = np.array_equal(
        np.asarray(read_image(folder).array)[0], SimpleITK.GetArrayFromImage(simpleitk())
    )
    assert same, "the two readers disagree"
    for _ in range(7):
        ours.append(median_of(lambda: read_image(folder), 1))
        theirs.append(median_of(simpleitk, 1))
    return {"ours": statistics.median(ours), "simpleitk": statistics.median(theirs)}


def measure_napari(path: Path) -> dict[str, float]:
    import napari
    from qtpy.QtWidgets import QApplication

    viewer = napari.Viewer()
    viewer.window.resize(1280, 900)
    viewer.open(str(path), plugin="mambaseg")

    def show(index: int) -> float:
        start = time.perf_counter()
        viewer.dims.set_current_step(0, index)
        QApplication.processEvents()
        return time.perf_counter() - start

    n_frames = len(viewer.layers[0].data)
    for index in range(10):
        show(index)
    start = time.perf_counter()
    for index in range(10, n_frames):
        show(index)
    sequential = (n_frames - 10) / (time.perf_counter() - start)
    chosen = random.Random(0).choices(range(n_frames), k=60)  # noqa: S311
    times = [show(index) for index in chosen]
    viewer.close()
    return {"sequential": sequential, "random": 1000 * statistics.median(times)}


def measure_length(path: Path) -> dict[str, float]:
    import av  # noqa: F401
    import psutil

    from mambaseg.data import films, read_image  # noqa: F401

    process = psutil.Process()
    before = process.memory_info().rss
    start = time.perf_counter()
    image = read_image(path)
    opened = time.perf_counter() - start
    np.asarray(image.array[:, 0])
    grown = (process.memory_info().rss - before) / 2**20
    return {"seconds": opened, "mib": grown, "frames": float(image.n_frames)}


MEASURES: dict[str, Callable[[Path], dict[str, float]]] = {
    "series": measure_series,
    "napari": measure_napari,
    "length": measure_length,
}


def in_process(kind: str, path: Path) -> dict[str, float]:
    """Measure in a process of its own, so that none inherits another's caches."""
    command = [sys.executable, __file__, "--measure", kind, str(path)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, float] = json.loads(printed.splitlines()[-1])
    print(kind, path.name, found)
    return found


def main() -> int:
    if len(sys.argv) > 3 and sys.argv[1] == "--measure":
        print(json.dumps(MEASURES[sys.argv[2]](Path(sys.argv[3]))))
        return 0
    rows, missed = [], []

    def note(what: str, found: float, limit: float, unit: str, *, least: bool = False) -> None:
        rows.append([what, f"{found:.2f} {unit}", f"{'≥' if least else '≤'} {limit:g} {unit}"])
        if found < limit if least else found > limit:
            missed.append(what)

    with tempfile.TemporaryDirectory(prefix="mambaseg-io-") as text:
        folder = Path(text)
        make_series(folder / "series")
        series = in_process("series", folder / "series")
        ratio = series["ours"] / series["simpleitk"]
        note(
            f"DICOM series 512 x 512 x 300, read in {series['ours']:.2f} s; SimpleITK "
            f"{series['simpleitk']:.2f} s",
            ratio,
            SERIES_RATIO,
            "x",
        )
        for name, (codec, key_every) in FILMS.items():
            short, long = folder / f"{codec}.mp4", folder / f"{codec}-long.mp4"
            make_film(short, 600, codec, key_every)
            shown = in_process("napari", short)
            what = f"{name}, key frame every {key_every}"
            note(f"{what}: in order", shown["sequential"], FRAMES_PER_SECOND, "fps", least=True)
            note(f"{what}: median of a random frame", shown["random"], RANDOM_MS, "ms")
            make_film(long, 600 * RATE, codec, key_every)
            opened = in_process("length", long)
            note(f"{what}: {opened['frames']:.0f} frames opened", opened["seconds"], OPEN_S, "s")
            note(f"{what}: memory with the first frame", opened["mib"], OPEN_MIB, "MiB")
            long.unlink()
    record(
        "Reading series and films",
        "python benchmarks/io.py",
        f"""Films of {WIDTH} x {HEIGHT} in napari under Xvfb with software rendering; load of the
machine at the end {os.getloadavg()[0]:.1f}.

{table(["", "found", "limit"], rows)}""",
    )
    for what in missed:
        print(f"missed: {what}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
