"""`mambaseg data check`, and `mambaseg train` by a recipe and a folder."""

from __future__ import annotations

import json
from pathlib import Path

import layouts
import pytest

from mambaseg.cli.main import main
from mambaseg.zoo import read_model


def test_a_good_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layouts.nnunet(tmp_path)
    assert main(["data", "check", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "an nnU-Net raw data set, 4 cases of 4 groups" in told
    assert "shape: CZYX 2 x 16 x 20 x 24 (4)" in told
    assert "spacing: 2 x 1 x 1 mm (4)" in told
    assert "class 1 (ball): in 4 cases" in told
    assert main(["data", "check", "--json", str(tmp_path)]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["cases"][0]["labels"]["1"] == int(layouts.ball(0).sum())


def test_a_bad_data_set_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layouts.paired(tmp_path)
    (tmp_path / "masks/p1.png").unlink()
    assert main(["data", "check", str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert "problem: " in told.out
    assert "images/p1.png has no mask" in told.err
    assert main(["data", "check", str(tmp_path / "images")]) == 2
    assert "is no data set of a known layout" in capsys.readouterr().err


def test_training_by_a_recipe_and_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layouts.paired(tmp_path / "discs", cases=6)
    output = tmp_path / "discs.safetensors"
    asked = ["train", "--recipe", "vm_unet_v2", "--small", "--data", str(tmp_path / "discs")]
    assert main([*asked, "-o", str(output), "--steps", "2", "--at-once", "4"]) == 0
    told = capsys.readouterr().out
    assert "training vm_unet_v2 of" in told
    assert "class 1: mean Dice on 1 held-out images" in told
    assert read_model(output).recipe.labels == {1: "class 1"}
    assert main([*asked, "-o", str(output), "--steps", "2"]) == 2
    assert "holds a training already: go on with it" in capsys.readouterr().err
    assert main(["train", "--resume", str(tmp_path / "nowhere")]) == 2
    assert "holds no training to go on with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "u-net", "--data", "."], "no training recipe called 'u-net': choose one"),
        (["--recipe", "vivim"], "Name the data set"),
        ([], "Give a configuration file, or --recipe"),
        (["--recipe", "vivim", "--data", "nowhere"], "There is no folder nowhere"),
        (["--resume", "x", "-o", "y.safetensors"], "give no --output with it, but a new budget"),
    ],
)
def test_what_does_not_fit_gets_a_sentence(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *arguments]) == 2
    assert message in capsys.readouterr().err
