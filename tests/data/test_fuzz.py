"""A hundred damaged files of each kind: a sentence or an image, soon, and in little memory."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from films import encode, numbered_frame
from PIL import Image
from placed import write_series

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's"),
]

COUNT = 100
SECONDS, MIB = 10, 1024
SCRIPT = Path(__file__).parents[1] / "support" / "fuzzing.py"


def volume() -> SimpleITK.Image:
    random = np.random.default_rng(0)
    image = SimpleITK.GetImageFromArray(random.integers(-99, 999, (9, 20, 30), dtype=np.int16))
    image.SetSpacing((0.5, 0.75, 3))
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    return image


def nifti(folder: Path) -> list[Path]:
    for name in ("a.nii", "a.nii.gz"):
        SimpleITK.WriteImage(volume(), str(folder / name))
    return [folder / "a.nii", folder / "a.nii.gz"]


def nrrd(folder: Path) -> list[Path]:
    SimpleITK.WriteImage(volume(), str(folder / "raw.nrrd"), useCompression=False)
    SimpleITK.WriteImage(volume(), str(folder / "packed.nrrd"), useCompression=True)
    return [folder / "raw.nrrd", folder / "packed.nrrd"]


def dicom(folder: Path) -> list[Path]:
    from pydicom import dcmread
    from pydicom.examples import get_path
    from pydicom.uid import RLELossless

    slices = write_series(folder / "series", np.random.default_rng(0).integers(0, 9, (2, 24, 30)))
    plain = sorted(slices.iterdir())[0]
    packed = dcmread(plain)
    packed.compress(RLELossless, generate_instance_uid=False)
    packed.save_as(folder / "packed.dcm")
    return [plain, folder / "packed.dcm", Path(get_path("ybr_color"))]


def tiff(folder: Path) -> list[Path]:
    import tifffile

    stack = np.random.default_rng(0).integers(0, 255, (4, 40, 50), dtype=np.uint8)
    tifffile.imwrite(folder / "raw.tif", stack, photometric="minisblack")
    tifffile.imwrite(folder / "packed.tif", stack, compression="zlib", photometric="minisblack")
    return [folder / "raw.tif", folder / "packed.tif"]


def stills(folder: Path) -> list[Path]:
    picture = Image.fromarray(
        np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    )
    paths = [folder / f"a{suffix}" for suffix in (".png", ".jpg", ".bmp", ".tif")]
    for path in paths:
        picture.save(path)
    return paths


def hdf5(folder: Path) -> list[Path]:
    import h5py

    stack = np.random.default_rng(0).integers(0, 255, (4, 40, 50), dtype=np.uint8)
    for name, options in ("raw", {}), ("packed", {"compression": "gzip", "chunks": (1, 40, 50)}):
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file.create_dataset("image", data=stack, **options)
    return [folder / "raw.h5", folder / "packed.h5"]


def mp4(folder: Path) -> list[Path]:
    frames = [numbered_frame(index) for index in range(30)]
    return [encode(folder / "a.mp4", iter(frames))]


def mutated(content: bytes, random: np.random.Generator) -> bytes:
    """Flip bits, cut short, or write absurd numbers, mostly where headers are."""
    kind = random.integers(5)
    data = bytearray(content)
    head = min(len(data), 1024)
    if kind == 0:  # bits anywhere
        for place in random.integers(0, len(data), random.integers(1, 40)):
            data[place] ^= 1 << random.integers(8)
    elif kind == 1:  # bits of the header
        for place in random.integers(0, head, random.integers(1, 12)):
            data[place] ^= 1 << random.integers(8)
    elif kind == 2:  # cut short
        return bytes(data[: random.integers(1, len(data))])
    elif kind == 3:  # a field of the header becomes absurd
        place = int(random.integers(0, head - 8))
        values = (b"\xff" * 4, b"\x00" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"9999")
        value = values[random.integers(len(values))]
        data[place : place + 4] = value
    else:  # a piece is taken out, or is there twice
        start, length = int(random.integers(0, len(data) - 8)), int(random.integers(1, 200))
        piece = data[start : start + length]
        data[start : start + length] = piece * int(random.choice([0, 2]))
    return bytes(data)


@pytest.mark.parametrize("make", [nifti, nrrd, dicom, mp4, tiff, hdf5, stills])
def test_damaged_files(make: Callable[[Path], list[Path]], tmp_path: Path) -> None:
    sources = make(tmp_path)
    random = np.random.default_rng(20261121)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    paths = []
    for index in range(COUNT):
        source = sources[index % len(sources)]
        content = source.read_bytes()
        suffixes = "".join(source.suffixes[-2:]) if source.suffix == ".gz" else source.suffix
        if suffixes == ".nii.gz" and index % 4 == 1:  # the header beneath the compression
            content = gzip.compress(mutated(gzip.decompress(content), random), mtime=0)
        else:
            content = mutated(content, random)
        path = damaged / f"{index:03}{suffixes or '.dcm'}"
        path.write_bytes(content)
        paths.append(path)
    told = opened(paths, tmp_path)
    assert_told(told)
    refused = sum(result["error"] == "ours" for result in told.values())
    assert refused >= COUNT // 5, f"only {refused} were refused: the damage was too slight"


def test_damaged_slices_of_series(tmp_path: Path) -> None:
    """Folders in each of which one slice of a series is damaged: it is named, or it is taken."""
    volume = np.random.default_rng(0).integers(0, 9, (4, 24, 30))
    source = write_series(tmp_path / "series", volume, names=["0", "1", "2", "3"])
    random = np.random.default_rng(20261130)
    paths = []
    for index in range(COUNT):
        path = tmp_path / "damaged" / f"{index:03}"
        shutil.copytree(source, path)
        harmed = path / str(index % len(volume))
        harmed.write_bytes(mutated(harmed.read_bytes(), random))
        paths.append(path)
    told = opened(paths, tmp_path)
    assert_told(told)
    assert sum(result["error"] == "ours" for result in told.values()) >= COUNT // 5


def assert_told(told: dict[str, dict[str, object]]) -> None:
    """See that each was opened or refused with a sentence, soon and in little memory."""
    wrong = {
        name: result
        for name, result in told.items()
        if result["error"] not in ("", "ours")
        or result["seconds"] > SECONDS
        or result["mib"] > MIB
        or (result["error"] and (Path(name).name not in result["sentence"]))
        or "Secret" in result["sentence"]
    }
    assert not wrong, json.dumps(wrong, indent=1)
    assert len(told) == COUNT


def opened(paths: list[Path], folder: Path) -> dict[str, dict[str, object]]:
    """Open files one after another; a process that dies or hangs is followed by another."""
    told: dict[str, dict[str, object]] = {}
    pending = [str(path) for path in paths]
    while pending:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        with (folder / "told").open("w") as out, (folder / "errors").open("w") as errors:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, SCRIPT, *pending], stdout=out, stderr=errors, env=environment
            )
            status = process.wait(SECONDS * 20)
        lines = (folder / "told").read_text().splitlines()
        for line in lines:
            name, _, result = line.partition("\t")
            crashed = {"error": f"exit {status}", "sentence": "", "seconds": 0.0, "mib": 0.0}
            told[name] = json.loads(result) if result else crashed
        assert lines, (folder / "errors").read_text()[-2000:]
        pending = pending[len(lines) :]
    return told
