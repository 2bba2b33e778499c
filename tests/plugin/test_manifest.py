"""The manifest: valid, found by napari's plugin manager, and cheap."""

from __future__ import annotations

import subprocess
import sys

import pytest
from patience import PATIENCE_S

npe2 = pytest.importorskip("npe2")


def test_manifest_is_valid_and_its_commands_exist() -> None:
    manifest = npe2.PluginManifest.from_distribution("mambaseg")
    manifest.validate_imports()
    assert manifest.name == "mambaseg"
    assert [sample.display_name for sample in manifest.contributions.sample_data] == [
        "Echocardiogram (30 frames)",
        "Head, 80 slices (synthetic)",
        "Retina (one picture)",
    ]


def test_napari_finds_the_plugin_without_loading_torch() -> None:
    code = (
        "import sys, npe2\n"
        "manager = npe2.PluginManager()\n"
        "manager.discover()\n"
        "command = manager.get_manifest('mambaseg').contributions.commands[0]\n"
        "command.python_name and __import__(command.python_name.split(':')[0])\n"
        "print(*sorted({'torch', 'napari', 'SimpleITK', 'av'} & set(sys.modules)))\n"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    assert done.stdout.split() == []
