"""Pictures, volumes, channels and checkpoints from the shell."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import torch
from models import PICTURES, VOLUMES, model_of, random_volume
from PIL import Image

from mambaseg.cli.inputs import case_name
from mambaseg.cli.main import main
from mambaseg.data import read_segmentation
from mambaseg.networks import create_network
from mambaseg.zoo import read_model


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(model_of(tmp_path_factory.mktemp("m"), "pictures", PICTURES).path)


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(model_of(tmp_path_factory.mktemp("m"), "volumes", VOLUMES).path)


@pytest.fixture
def case(tmp_path: Path) -> tuple[Path, Path]:
    """Two files on one grid that lies aslant in the patient."""
    files = []
    for channel, name in zip(random_volume((34, 36, 32)).array, ("t2", "t1"), strict=True):
        image = sitk.GetImageFromArray(channel)
        image.SetSpacing((1.5, 1.0, 2.0))
        image.SetOrigin((-10.0, 20.0, 5.0))
        c, s = np.cos(0.2), np.sin(0.2)
        image.SetDirection((c, -s, 0, s, c, 0, 0, 0, 1))
        files.append(tmp_path / f"head_01_{name}.nii.gz")
        sitk.WriteImage(image, str(files[-1]))
    return files[0], files[1]


def said(capsys: pytest.CaptureFixture[str]) -> str:
    text = capsys.readouterr().err
    assert "Traceback" not in text
    return text


def test_a_picture(pictures: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (6, 8, 3)).astype(np.uint8)
    Image.fromarray(picture).resize((80, 60), 0).save(tmp_path / "a.png")
    out = tmp_path / "out"
    arguments = ["segment", str(tmp_path / "a.png"), "-m", pictures, "-o", str(out)]
    assert main([*arguments, "--overlay", "png", "--masks", "nrrd", "png"]) == 0
    assert "1 frames in" in capsys.readouterr().out
    assert read_segmentation(out / "a_mask.nrrd").labels.shape == (60, 80)


@pytest.mark.parametrize("way", ["guessed", "named", "mixed"])
def test_channels_from_files(
    way: str,
    volumes: str,
    case: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    t2, t1 = map(str, case)
    files = {
        "guessed": [t2, t1],
        "named": ["--channel", f"t2={t2}", "--channel", f"t1={t1}"],
        "mixed": [t2, "--channel", f"t1={t1}"],
    }[way]
    out, report = tmp_path / "out", tmp_path / "run.json"
    arguments = ["segment", *files, "-m", volumes, "-o", str(out), "--report", str(report)]
    assert main([*arguments, "--masks", "nifti", "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert f"channel t1: {t1}" in printed
    assert "4 windows in" in printed
    mask = sitk.ReadImage(str(out / "head_01_mask.nii.gz"))
    image = sitk.ReadImage(t1)
    for of in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
        np.testing.assert_allclose(getattr(mask, of)(), getattr(image, of)(), rtol=1e-5, atol=1e-5)
    assert sitk.GetArrayFromImage(mask).any()
    assert json.loads(report.read_text())["choices"]["windows"] == 4


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "No image was given"),
        (["{t1}"], "has 1 channel ('intensity',), but this model takes 2"),
        (["{t1}", "{t1}"], "It is not clear which of head_01_t1.nii.gz"),
        (["{t1}", "{t2}", "{t2}"], "3 files were given, but this model takes one image of 2"),
        (["{t1}", "--channel", "flair={t2}"], "no channel 'flair'; it takes 2 channels (t1, t2)"),
        (["--channel", "t1={t1}"], "1 files were given"),
        (["{t1}", "--channel", "t2={small}"], "has 4 slices along z, but"),
    ],
)
def test_channels_that_do_not_fit(
    files: list[str],
    message: str,
    volumes: str,
    case: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    small = tmp_path / "small.nii.gz"
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 36, 32), np.float32)), str(small))
    named = [text.format(t2=case[0], t1=case[1], small=small) for text in files]
    assert main(["segment", *named, "-m", volumes, "-o", str(tmp_path / "out")]) == 2
    assert message in said(capsys)
    assert not (tmp_path / "out").exists()


def test_slice_by_slice(
    pictures: str, case: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["segment", str(case[0]), "-m", pictures, "-o", str(tmp_path / "out")]
    assert main(arguments) == 2
    assert "slice by slice" in said(capsys)
    assert main([*arguments, "--by-slice"]) == 0
    assert "34 slices in" in capsys.readouterr().out


def test_mirrored(volumes: str, case: tuple[Path, Path], tmp_path: Path) -> None:
    report = tmp_path / "run.json"
    arguments = ["segment", *map(str, case), "-m", volumes, "-o", str(tmp_path / "out")]
    assert main([*arguments, "--mirror", "--report", str(report)]) == 0
    assert json.loads(report.read_text())["choices"]["mirrorings"] == 8


def test_a_checkpoint_becomes_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from mambaseg.zoo.convert import segmamba

    network = create_network("segmamba", in_channels=2, out_channels=3, **VOLUMES["arguments"])
    theirs = {}
    weights = network.state_dict()
    for key in _segmamba_keys():
        if segmamba.rename(key) in weights:
            theirs[f"module.{key}"] = weights[segmamba.rename(key)]
    assert len(theirs) == len(weights)
    torch.save({"module": theirs}, tmp_path / "final.pt")
    out = tmp_path / "model.safetensors"
    arguments = ["import-checkpoint", str(tmp_path / "final.pt"), "-o", str(out)]
    assert main([*arguments, "--network", "vivim"]) == 2
    assert "looks like the authors' SegMamba, for the network 'segmamba'" in said(capsys)
    assert main([*arguments, "--classes", "a", "b", "c"]) == 2
    assert "--new-head" in said(capsys)
    assert not out.exists()
    named = ["--network", "segmamba", "--classes", "a", "b", "--channels", "t1", "t2"]
    assert main([*arguments, *named]) == 0
    printed = capsys.readouterr().out
    assert f"matched {len(weights)} weights" in printed
    assert f"wrote {out}" in printed
    recipe = read_model(out).recipe
    assert recipe.labels == {1: "a", 2: "b"}
    assert recipe.channels == ("t1", "t2")
    assert main([*arguments, *named]) == 2
    assert "exists already" in said(capsys)


def _segmamba_keys() -> list[str]:
    """The authors' keys for one block in each stage."""
    keys = ["vit.downsample_layers.0.0", "out.conv.conv"]
    keys += [f"vit.downsample_layers.{i}.1" for i in (1, 2, 3)]
    for i in range(4):
        keys += [f"vit.gscs.{i}.proj{n}" for n in ("", "2", "3", "4")]
        keys += [f"vit.mlps.{i}.fc{n}" for n in (1, 2)]
        keys += [f"vit.stages.{i}.0.norm"]
        mamba = f"vit.stages.{i}.0.mamba"
        keys += [f"{mamba}.{name}" for name in ("in_proj", "out_proj")]
        for d in ("", "_b", "_s"):
            keys += [f"{mamba}.{name}{d}" for name in ("conv1d", "x_proj", "dt_proj")]
    for n in range(1, 6):
        keys += [f"encoder{n}.layer.conv{c}.conv" for c in (1, 2, 3)]
        keys += [f"decoder{n}.conv_block.conv{c}.conv" for c in (1, 2, 3)]
        keys += [f"decoder{n}.transp_conv.conv", f"decoder1.layer.conv{n}.conv"]
    found = [f"{key}.{end}" for key in keys for end in ("weight", "bias")]
    for i in range(4):
        for d in ("", "_b", "_s"):
            found += [f"vit.stages.{i}.0.mamba.A{d}_log", f"vit.stages.{i}.0.mamba.D{d}"]
    return found


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (["x/head_t1.nii.gz", "x/head_t1ce.nii.gz"], "head"),
        (["a_0000.nii.gz", "a_0001.nii.gz"], "a"),
        (["t1.nii", "t2.nii"], "t1"),
        (["film.v2.mp4"], "film.v2"),
    ],
)
def test_a_case_is_named_by_what_its_files_share(files: list[str], name: str) -> None:
    assert case_name([Path(file) for file in files]) == name
