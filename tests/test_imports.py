"""What an import costs and needs, and that the rooms lean only on those below them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WINDOWS = {"napari", "qtpy", "PyQt5", "PyQt6", "PySide2", "PySide6", "magicgui", "superqt", "vispy"}
ROOMS = sorted(
    path.name.removesuffix(".py")
    for path in (ROOT / "src/mambaseg").iterdir()
    if path.suffix in {"", ".py"} and not path.name.startswith("_") and path.name != "plugin"
)

BLOCKER = f"""
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {WINDOWS!r}:
            raise ImportError(f"{{name}} is blocked")
sys.meta_path.insert(0, Blocker())
"""


def run(code: str) -> str:
    """Run code in a Python of its own and give what it prints."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def loaded_by(statement: str, packages: set[str]) -> set[str]:
    """Give those of `packages` that a statement loads."""
    return set(run(f"{statement}\nimport sys\nprint(*({packages!r} & set(sys.modules)))").split())


def test_package_import_is_light() -> None:
    heavy = {"torch", "numpy", "monai", "lightning", "SimpleITK", "av", "pydicom", "skimage"}
    assert loaded_by("import mambaseg", heavy | WINDOWS) == set()


def test_nouns_and_file_writers_need_no_torch() -> None:
    heavy = {"torch", "monai", "lightning"}
    assert loaded_by("import mambaseg.types, mambaseg.files", heavy | WINDOWS) == set()


@pytest.mark.parametrize("room", ROOMS)
def test_room_needs_no_window(room: str) -> None:
    assert run(f"{BLOCKER}\nimport mambaseg.{room} as room; print(room.__name__)").strip() == (
        f"mambaseg.{room}"
    )


def test_engine_and_training_share_a_process_without_windows() -> None:
    statement = f"{BLOCKER}\nimport mambaseg.inference, mambaseg.training"
    assert loaded_by(statement, WINDOWS) == set()


def test_blocker_blocks() -> None:
    assert "blocked" in run(f"{BLOCKER}\ntry:\n import qtpy\nexcept ImportError as e: print(e)")


def test_floors_hold() -> None:
    code = (
        "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    )
    assert "0 broken" in run(code)
