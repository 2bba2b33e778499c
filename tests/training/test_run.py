"""A run's folder, as another process sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mambaseg.training import Run
from mambaseg.training.events import Failed, Finished, Progress, append_event
from mambaseg.types.errors import OutputError


def test_half_a_line_is_passed_over_and_the_next_is_whole(tmp_path: Path) -> None:
    file = Run(tmp_path).events_file
    append_event(file, Failed(message="one"))
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"event": "prog')
    events, offset = Run(tmp_path).events()
    assert [e.event for e in events] == ["failed"]
    assert offset == len(whole)
    append_event(file, Failed(message="two"))
    events, _ = Run(tmp_path).events(offset)
    assert [e.message for e in events if isinstance(e, Failed)] == ["two"]


def test_finished_is_what_ends_a_run(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.outcome is None
    append_event(run.events_file, Failed(message="disk full"))
    append_event(run.events_file, Progress(step=1, loss=1, seconds=1, seconds_left=1))
    assert run.outcome is None
    append_event(
        run.events_file, Finished(reason="time", step=1, model="m.safetensors", sha256="0")
    )
    assert isinstance(run.outcome, Finished)


def test_a_validation_before_any_loss_is_read(tmp_path: Path) -> None:
    said = Progress(step=1, loss=None, seconds=1, seconds_left=1, dice={"nodule": 0.5})
    append_event(Run(tmp_path).events_file, said)
    assert Run(tmp_path).events()[0] == [said]


def test_what_a_kill_has_left_goes_but_not_what_a_viewer_is_about_to_ask(tmp_path: Path) -> None:
    run = Run(tmp_path)
    left, asked = tmp_path / ".partial-0-state.safetensors", tmp_path / ".partial-1-control"
    left.touch()
    asked.touch()
    with run.running():
        assert not left.exists()
        assert asked.exists()


def test_a_run_begins_in_no_folder_of_other_things_but_goes_on_among_them(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").touch()
    run = Run(tmp_path)
    with pytest.raises(OutputError, match=r"holds 'film.mp4' and is no folder"), run.running():
        pass
    append_event(run.events_file, Failed(message="disk full"))
    with run.running():
        assert run.lock_file.exists()


def test_to_follow_a_run_takes_no_torch() -> None:
    code = "import sys, mambaseg.training, mambaseg.corrections; print('torch' in sys.modules)"
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
