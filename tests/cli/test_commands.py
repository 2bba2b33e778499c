"""The shell's other commands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import av
import held_out_dice
import layouts
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from mambaseg.cli.main import main
from mambaseg.data import read_drawn_labels, read_segmentation
from mambaseg.metrics import evaluate
from mambaseg.training import read_config
from mambaseg.types import Segmentation
from mambaseg.zoo import load_model

ROOT = Path(__file__).parents[2]


def _heavy_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*({{'torch', 'napari', 'monai'}} & set(sys.modules)))"
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_help_and_models_load_no_torch() -> None:
    assert not _heavy_after("from mambaseg.cli.main import _parser; _parser().format_help()")
    assert not _heavy_after("from mambaseg.cli.main import main; main(['models'])")


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    printed = capsys.readouterr().out
    assert all(
        name in printed for name in ("segment", "corrections", "finetune", "evaluate", "models")
    )


def test_info_says_versions_devices_and_backends(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    printed = capsys.readouterr().out
    for expected in ("mambaseg 0.", "torch 2.", "cpu (", "scan backend cpu: works", "mambaseg.log"):
        assert expected in printed


def test_a_wrong_scan_backend_is_the_users_to_mend(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAMBASEG_SCAN", "abacus")
    assert main(["info"]) == 2
    assert "MAMBASEG_SCAN does not fit: there is no backend 'abacus'" in capsys.readouterr().err


def test_models_says_that_the_demo_is_not_clinical(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    printed = capsys.readouterr().out
    assert "vivim-echo-demo" in printed
    assert "one-clip demonstration and not a clinical model" in printed
    assert "mean Dice on 10 held-out frames" in printed


def test_demo_leaves_masks_overlays_and_a_film(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--no-viewer", "-o", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "30 frames in" in printed
    assert "model vivim-echo-demo, scan backend" in printed
    assert "not lie inside the image of 320 x 240 pixels" in printed  # the calibration's note
    stem = "examples_ybr_color"
    for suffix in ("nrrd", "nii.gz"):
        mask = sitk.ReadImage(tmp_path / f"{stem}_mask.{suffix}")
        assert mask.GetSize()[:2] == (320, 240)
    with av.open(str(tmp_path / f"{stem}_overlay.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 30
    assert len(list((tmp_path / f"{stem}_overlays").glob("*.png"))) == 30

    # The score on the held-out frames, from the files that a user gets.
    found = read_segmentation(tmp_path / f"{stem}_mask.nrrd")
    drawn = read_drawn_labels(ROOT / "sample_data" / "echo_left_ventricle.json")
    true = Segmentation(np.stack([drawn.mask(i) for i in range(30)]), "TYX", found.label_set)
    rows = evaluate(found, true, frames=range(20, 30))
    dice = [row.value for row in rows if row.measure == "Dice"]
    assert len(dice) == 10
    assert np.mean(dice) >= 0.85
    for baseline in held_out_dice.baselines([drawn.mask(i) for i in range(30)]).values():
        masks = np.concatenate([np.zeros((20, 240, 320), np.uint8), baseline])
        rows = evaluate(Segmentation(masks, "TYX", found.label_set), true, frames=range(20, 30))
        assert np.mean(dice) > np.mean([row.value for row in rows if row.measure == "Dice"])


def test_the_shipped_model_is_small_and_holds_its_recipe() -> None:
    model = load_model("vivim-echo-demo")
    assert model.path.stat().st_size <= 12e6
    assert model.recipe.labels == {1: "left ventricle"}
    assert "Not for clinical use" in model.card.intended_use


def test_train_writes_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "sample_data" / "vivim-echo-demo.yaml").read_text()
    text = text.replace("steps: 1000", "steps: 2").replace("[240, 320]", "[32, 40]")
    text = text.replace("echo_left", str(ROOT / "sample_data" / "echo_left"))
    (tmp_path / "c.yaml").write_text(text)
    out = tmp_path / "m.safetensors"
    assert main(["train", str(tmp_path / "c.yaml"), "-o", str(out)]) == 0
    assert "mean Dice on 10 held-out frames" in capsys.readouterr().out
    assert load_model(out).name == "vivim-echo-demo"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["c.yaml", "--data", "set"], "--data goes with --recipe"),
        (["c.yaml", "--small"], "--small goes with --recipe"),
        (["--resume", "m.run", "--seed", "0"], "give no --seed with it"),
        (["--resume", "m.run", "--name", "x"], "give no --name with it"),
        (["--resume", "m.run", "-o", "m.safetensors"], "give no --output with it"),
        (["--resume", "m.run", "--at-once", "0"], "--at-once must be a positive number"),
        (["--resume", "m.run", "--epochs", "inf"], "must be positive numbers, and no huge ones"),
    ],
)
def test_train_says_which_options_do_not_go_together(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["train", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_recipe_takes_the_seed_and_says_so(tmp_path: Path) -> None:
    layouts.paired(tmp_path / "discs", 3)
    wanted = ["train", "--recipe", "vm_unet_v2", "--data", str(tmp_path / "discs"), "--small"]
    assert main([*wanted, "--seed", "7", "--write-config", str(tmp_path / "c.yaml")]) == 0
    config = read_config(tmp_path / "c.yaml")
    assert config.seed == 7
    assert "seed 7" in config.card.training_data


def test_train_without_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(tmp_path / "no.yaml"), "-o", str(tmp_path / "m.safetensors")]) == 2
    assert "no.yaml" in capsys.readouterr().err


def test_the_readme_is_filled_in() -> None:
    text = (ROOT / "README.md").read_text()
    assert not re.findall(r"@[A-Z]+@", text)
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", text):
        assert (ROOT / picture).is_file(), picture
