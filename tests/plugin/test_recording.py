"""What changes a mask's labels, type or place among the layers does not part it from its journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kept_masks import add_mask, on_disk, watched

from mambaseg.corrections import read_journal

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
