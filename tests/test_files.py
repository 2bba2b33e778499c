"""Files are written whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from mambaseg.files import (
    check_writable,
    clear_leftovers,
    reserve,
    write_folder_whole,
    write_whole,
)
from mambaseg.types.errors import OutputError


def test_a_file_appears_only_when_finished(tmp_path: Path) -> None:
    target = tmp_path / "new" / "mask.nii.gz"
    with write_whole(target) as temporary:
        temporary.write_text("done")
        assert temporary.name.endswith(".nii.gz")
        assert temporary.parent == target.parent
        assert not target.exists()
    assert target.read_text() == "done"
    assert list(target.parent.iterdir()) == [target]
    assert target.stat().st_mode & stat.S_IRUSR


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(KeyError), write_whole(target) as temporary:
        temporary.write_text("half")
        raise KeyError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(sys.platform != "linux", reason="macOS promises no room")
def test_room_that_is_reserved_is_there(tmp_path: Path) -> None:
    with (tmp_path / "sums").open("w+b") as file:
        reserve(file.fileno(), 2**22)
        held = os.fstat(file.fileno())
    assert held.st_size == 2**22
    assert held.st_blocks * 512 >= 2**22
    with (tmp_path / "sums").open("w+b") as file, pytest.raises(OSError, match="too large|space"):
        reserve(file.fileno(), 2**60)


def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    message = r"Cannot write .*a\.txt: No space left on device"
    with pytest.raises(OutputError, match=message), write_whole(target):
        raise OSError(28, "No space left on device")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("write", [write_whole, write_folder_whole])
def test_a_place_that_cannot_be(tmp_path: Path, write: object) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Cannot write"), write(tmp_path / "file" / "x"):  # type: ignore[operator]
        pass


def test_a_folder_replaces_the_old_one_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "masks"
    target.mkdir()
    (target / "old.png").touch()
    with write_folder_whole(target) as temporary:
        (temporary / "new.png").touch()
        assert (target / "old.png").exists()
    assert [p.name for p in target.iterdir()] == ["new.png"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_does_not_replace_a_file(tmp_path: Path) -> None:
    target = tmp_path / "masks"
    target.write_text("precious")
    message = "a file of that name is there"
    with pytest.raises(OutputError, match=message), write_folder_whole(target) as temporary:
        (temporary / "new.png").touch()
    assert target.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_cannot_move_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "masks"
    target.mkdir()
    (target / "old.png").touch()
    replace = Path.replace

    def fail_for_the_new_one(self: Path, to: Path) -> Path:
        if to == target and (self / "new.png").exists():
            raise OSError(28, "No space left on device")
        return replace(self, to)

    monkeypatch.setattr(Path, "replace", fail_for_the_new_one)
    with pytest.raises(OutputError, match="No space left"), write_folder_whole(target) as temporary:
        (temporary / "new.png").touch()
    assert [p.name for p in target.iterdir()] == ["old.png"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_is_tried_before_long_work(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b")
    assert not any((tmp_path / "a" / "b").iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Cannot write into the output folder"):
        check_writable(tmp_path / "file")


def test_a_failed_folder_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "masks"
    target.mkdir()
    (target / "old.png").touch()
    with pytest.raises(KeyError), write_folder_whole(target) as temporary:
        (temporary / "new.png").touch()
        raise KeyError
    assert [p.name for p in target.iterdir()] == ["old.png"]
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_writer_left_is_cleared_for_its_own_file_alone(tmp_path: Path) -> None:
    target = tmp_path / "a[1].safetensors"
    with write_whole(target) as temporary:
        left = temporary.name
    with write_whole(tmp_path / "b.safetensors") as another:
        (tmp_path / left).touch()
        clear_leftovers(target)
        assert not (tmp_path / left).exists()
        assert another.exists()
    assert target.exists()
