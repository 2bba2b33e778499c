"""Presets as files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mambaseg.export import (
    ExportPreset,
    OverlayStyle,
    list_presets,
    presets_folder,
    read_preset,
    write_preset,
)
from mambaseg.types.errors import InvalidConfigError, InvalidOptionError, UnknownNameError


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "mambaseg.export.preset.user_config_path", lambda *name, appauthor: tmp_path / "own"
    )


def test_what_is_kept_comes_back() -> None:
    assert list_presets() == []
    style = OverlayStyle("contour", contour_width=3, scale=4, layout="beside", time_stamp=True)
    preset = ExportPreset(format="tiff", sheet=True, frames="worst", count=5, style=style)
    path = write_preset("lab report", preset)
    assert list_presets() == ["lab report"]
    assert read_preset("lab report") == read_preset(path) == preset
    write_preset("lab report", ExportPreset())
    assert read_preset("lab report") == ExportPreset()
    assert [file.name for file in presets_folder().iterdir()] == ["lab report.yaml"]


@pytest.mark.parametrize("name", ["", " a", "../a", "a/b", "a\\b", ".a", "a.", "a" * 65, "a\n"])
def test_names_that_are_no_files_are_refused(name: str) -> None:
    with pytest.raises(InvalidOptionError, match="is no name for a preset"):
        write_preset(name, ExportPreset())
    assert not presets_folder().exists()


def test_an_unknown_name_tells_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="'lab'; there is none yet"):
        read_preset("lab")
    write_preset("clinic", ExportPreset())
    (presets_folder() / ".partial-0123.yaml").touch()
    with pytest.raises(UnknownNameError, match="'lab'; there are clinic"):
        read_preset("lab")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"format_version": 2}, "knows 1 at most: update mambaseg"),
        ({"format": "avi"}, "format: "),
        ({"count": 0}, "count: "),
        ({"style": {"opacity": 2}}, "opacity must be from 0 to 1; got 2"),
        ({"style": {"layout": "three"}}, "style.layout: "),
        ({"style": {"opactiy": 0.2}}, "style.opactiy: "),
        ({"colour": "red"}, "colour: "),
        ({"format": "mp4", "sheet": True}, "a contact sheet is a picture and no mp4 film"),
        (["mp4"], "the whole: "),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, content: Any, told: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(InvalidConfigError) as caught:
        read_preset(file)
    assert str(file) in str(caught.value)
    assert told in str(caught.value)


def test_files_that_are_none_are_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfigError, match=r"Cannot read .*gone\.yaml"):
        read_preset(tmp_path / "gone.yaml")
    for content in (b"style: [1", b"\xff\xfe\x00"):
        (tmp_path / "bad.yaml").write_bytes(content)
        with pytest.raises(InvalidConfigError, match=r"bad\.yaml is not YAML"):
            read_preset(tmp_path / "bad.yaml")


def test_the_page_about_presets_shows_what_a_file_leaves_out() -> None:
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert yaml.safe_load(block) == ExportPreset().model_dump(mode="json")
