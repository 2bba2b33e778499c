"""What a run shows of its held-out frames, and how far its scores are to be trusted."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from verified import disc_film, nodule_model, verified_store

from mambaseg.cli.main import main
from mambaseg.metrics import Row
from mambaseg.training import FineTuningConfig, Run, finetune
from mambaseg.training.events import Progress, RunEvent
from mambaseg.training.held_out_views import HeldOutView, HeldOutViews, read_views, write_views
from mambaseg.training.score_changes import score_changes
from mambaseg.types import LabelSet
from mambaseg.types.optimization import Budget

HELD_OUT = (20, 22, 24, 26, 28)


def rows(values: dict[str, list[float]]) -> list[Row]:
    return [
        Row(case, frame, "nodule", "Dice", value)
        for case, found in values.items()
        for frame, value in enumerate(found)
    ]


@pytest.mark.slow
def test_a_run_writes_what_is_found_before_now_and_in_what_it_keeps(tmp_path: Path) -> None:
    nodule_model(tmp_path)
    store = verified_store(tmp_path / "store", [2, 6, 10, *HELD_OUT])
    (case,) = store.cases()
    run, seen = Run(tmp_path / "run"), []

    def listen(event: RunEvent) -> None:
        if isinstance(event, Progress) and event.dice:
            found = read_views(run.views_file)
            assert found is not None
            seen.append((event.dice["nodule"], event.kept, found))

    config = FineTuningConfig(
        model=str(tmp_path / "parent.safetensors"),
        data=str(store.path),
        budget=Budget(steps=24),
        held_out={case: HELD_OUT},
        learning_rate=3e-3,
    )
    finished = finetune(config, run.path, device="cpu", listen=listen)
    film, masks = disc_film()
    last = seen[-1][2]
    assert (last.unit, last.label_set.names) == ("frame", {1: "nodule"})
    assert [view.frame for view in last.views] == [20, 22, 26, 28]
    for view in last.views:
        assert view.case == case
        assert np.array_equal(view.picture, np.moveaxis(film.array[:, view.frame], 0, -1))
        assert np.array_equal(view.truth, masks.labels[view.frame])
        first = seen[0][2].views[last.views.index(view)]
        assert np.array_equal(view.masks["before"], first.masks["before"]), "the parent's stays"
        assert view.dice["before"] == first.dice["before"]
        for stage, mask in view.masks.items():
            overlap = 2 * (mask & view.truth).sum() / (mask.sum() + view.truth.sum())
            assert view.dice[stage] == pytest.approx(overlap, abs=1e-4)
    assert any((view.masks["now"] != view.masks["before"]).any() for view in last.views)
    for (dice, kept, views), earlier in zip(seen[1:], seen, strict=False):
        whose = "now" if kept == dice else "kept"
        source = views if kept == dice else earlier[2]
        for view, other in zip(views.views, source.views, strict=True):
            assert np.array_equal(view.masks["kept"], other.masks[whose])
    assert finished.after is not None
    assert finished.before is not None
    (change,) = finished.changes
    assert (change.class_name, change.n, change.of) == ("nodule", 5, "frames")
    assert change.before == finished.before["nodule"]
    assert change.after == finished.after["nodule"]
    assert change.after_interval is not None
    assert change.after_interval[0] <= change.after <= change.after_interval[1]


def test_the_shell_prints_the_change_with_its_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = nodule_model(tmp_path).path
    store = verified_store(tmp_path / "store", [2, 6, *HELD_OUT])
    held_out = f"{store.cases()[0]}:{','.join(map(str, HELD_OUT))}"
    command = ["finetune", str(model), "--data", str(store.path), "--run", str(tmp_path / "run")]
    assert main([*command, "--steps", "1", "--held-out", held_out, "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert re.search(
        r"nodule: [+-]\d\.\d{3} \(95 % interval [+-]\S+ to [+-]\S+, over 5 frames\)", said
    )


def test_a_file_of_views_comes_back_and_a_damaged_one_shows_nothing(tmp_path: Path) -> None:
    picture = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
    mask = np.eye(3, 4, dtype=np.uint8)
    view = HeldOutView("a", 7, picture, mask, {"now": mask * 3}, {"now": 0.5})
    file = tmp_path / "views.npz"
    assert read_views(file) is None
    write_views(file, HeldOutViews("slice", LabelSet.from_names({1: "a", 3: "b"}), [view]))
    found = read_views(file)
    assert found is not None
    (again,) = found.views
    assert (found.unit, found.label_set.names) == ("slice", {1: "a", 3: "b"})
    assert (again.case, again.frame, again.dice) == ("a", 7, {"now": 0.5})
    assert np.array_equal(again.picture, picture)
    assert list(again.masks) == ["now"]
    assert np.array_equal(again.masks["now"], mask * 3)
    content = file.read_bytes()
    flipped = bytes(255 - byte if index == 60 else byte for index, byte in enumerate(content))
    for damaged in (content[:100], content[:-30], b"", flipped):
        file.write_bytes(damaged)
        assert read_views(file) is None


def test_intervals_are_by_recording_where_there_are_several() -> None:
    before = rows({"a": [0.2, 0.4], "b": [0.6, 0.6], "c": [0.5, 0.5]})
    after = rows({"a": [0.5, 0.7], "b": [0.8, 0.8], "c": [0.9, 0.9]})
    (change,) = score_changes(before, after, "frames")
    assert (change.n, change.of) == (3, "recordings")
    assert (change.before, change.after) == pytest.approx((0.4667, 0.7667), abs=1e-4)
    assert change.change_interval == pytest.approx((0.2, 0.4))


def test_intervals_are_by_frame_within_one_recording() -> None:
    before, after = rows({"a": [0.2, 0.4, 0.6]}), rows({"a": [0.6, 0.8, 1.0]})
    (change,) = score_changes(before, after, "frames")
    assert (change.n, change.of) == (3, "frames")
    assert change.change_interval == pytest.approx((0.4, 0.4))
    assert change.before_interval == pytest.approx((0.2, 0.6))


def test_one_frame_has_no_interval_and_nothing_no_change() -> None:
    (change,) = score_changes(rows({"a": [0.2]}), rows({"a": [0.6]}), "frames")
    assert change.change_interval is change.after_interval is None
    assert score_changes([], rows({"a": [0.6]}), "frames") == ()
    whole = [Row("a", None, "nodule", "Dice", 0.6)]
    (change,) = score_changes(whole, whole, "slices")
    assert (change.n, change.of) == (1, "volumes")
