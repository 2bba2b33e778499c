"""Whatever happens to a mask or its image, the mask does not part from its journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kept_masks import CLASSES, N_FRAMES, add_mask, kept, on_disk, watched

from mambaseg.corrections import KeepingSettings, read_journal
from mambaseg.plugin.keeping import keeping_of
from mambaseg.types.errors import UnreadableImageError

pytestmark = pytest.mark.usefixtures("display")


def test_a_mask_of_another_type_goes_on_in_a_new_journal(bare_desk: Any) -> None:
    desk, mask = bare_desk, add_mask(bare_desk)
    recorder = watched(desk, mask)
    mask.paint((2, 20, 20), 1)
    on_disk(desk, recorder, mask)
    first = recorder.journal.status.path
    mask.data = mask.data.astype(np.int16)  # as napari's "Convert data type" does
    converted = mask.data.copy()
    desk.wait(lambda: recorder.journal.status.path != first)
    assert not recorder.journal.status.can_undo
    mask.paint((3, 30, 30), 2)
    on_disk(desk, recorder, mask)
    recorder.undo()
    desk.wait(lambda: np.array_equal(mask.data, converted))
    before = read_journal(Path(first)).history
    np.testing.assert_array_equal(before.planes.array(), converted)
    assert before.position == 1


def test_settings_that_are_damaged_keep_no_work_from_being_kept(
    bare_desk: Any, notices: list[str]
) -> None:
    KeepingSettings.file().parent.mkdir(parents=True)
    KeepingSettings.file().write_text("{")
    desk, mask = bare_desk, add_mask(bare_desk)
    recorder = watched(desk, mask)
    assert any("mend it" in text for text in notices)
    mask.paint((2, 20, 20), 1)
    on_disk(desk, recorder, mask)


def test_a_search_that_failed_is_made_again(
    bare_desk: Any, notices: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(image: object) -> str:
        raise UnreadableImageError("The drive is gone.")

    desk = bare_desk
    keeping = keeping_of(desk.viewer)
    with monkeypatch.context() as patch:
        patch.setattr("mambaseg.session.kept_work.image_key", unreadable)
        mask = add_mask(desk)
        desk.wait(lambda: any("The drive is gone" in text for text in notices))
    mask.paint((2, 20, 20), 1)
    keeping.move_to(tmp_path / "other")
    on_disk(desk, watched(desk, mask), mask)


def test_an_image_that_was_removed_and_added_again_is_known(bare_desk: Any) -> None:
    desk = bare_desk
    keeping = keeping_of(desk.viewer)
    image = desk.add_clip(N_FRAMES)
    desk.wait(lambda: image in keeping.offers)
    desk.viewer.layers.remove(image)
    desk.viewer.layers.append(image)
    mask = add_mask(desk)
    mask.paint((2, 20, 20), 1)
    on_disk(desk, watched(desk, mask), mask)


def test_a_mask_that_was_opened_before_its_image_is_kept(bare_desk: Any) -> None:
    desk = bare_desk
    keeping = keeping_of(desk.viewer)
    mask = desk.viewer.add_labels(
        np.zeros((N_FRAMES, 48, 60), np.uint8), metadata={"label_set": CLASSES}
    )
    assert keeping.recorder(mask) is None
    desk.add_clip(N_FRAMES)
    mask.paint((2, 20, 20), 1)
    assert keeping.recorder(mask) is not None
    on_disk(desk, watched(desk, mask), mask)


def test_what_was_written_just_before_closing_is_kept(bare_desk: Any) -> None:
    desk, mask = bare_desk, add_mask(bare_desk)
    recorder = watched(desk, mask)
    mask.data[4, 3:9] = 2  # as a script may, and nothing tells of it
    desk.viewer.layers.clear()
    keeping_of(desk.viewer).session.close()  # as its window does
    on_disk(desk, recorder, mask)


def test_what_a_run_says_once_it_has_ended_is_restored(bare_desk: Any) -> None:
    desk, mask = bare_desk, add_mask(bare_desk)
    recorder = watched(desk, mask)
    mask.metadata["provenance"] = {"model": "colour", "options": {"device": "cpu"}}
    mask.name = "final"
    keeping_of(desk.viewer).session.close()
    desk.wait(lambda: kept(recorder).head.name == "final")
    head = kept(recorder).head
    assert head.provenance == {"model": "colour", "options": {"device": "cpu"}}
    assert head.label_set == CLASSES
