"""Two people's stores made one, and a store as one file."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from nnunet import check_raw_dataset

from mambaseg.cli.main import main
from mambaseg.corrections import Store, export_store, import_store, merge_stores
from mambaseg.corrections.provenance import read_lines
from mambaseg.types import LabelSet, MedicalImage, Segmentation
from mambaseg.types.errors import MambasegError, StoreError


def other_clip(clip: MedicalImage) -> MedicalImage:
    return dataclasses.replace(clip, array=255 - np.asarray(clip.array), source="other")


def test_clips_and_frames_of_both_come_together(
    tmp_path: Path, clip: MedicalImage, masks: Segmentation
) -> None:
    mine, yours = Store(tmp_path / "mine"), Store(tmp_path / "yours")
    theirs = dataclasses.replace(masks, labels=np.array(masks.labels))
    theirs.labels[3] = 0
    case = mine.verify(clip, masks, [1, 3])
    renamed = dataclasses.replace(clip, source="another name")
    yours.verify(renamed, theirs, [3, 5], edits=[{"kind": "stroke", "user": "ann"}])
    second = yours.verify(other_clip(clip), masks, [0])
    merge = merge_stores(mine, yours)
    assert merge.added == {case: [5], second: [0]}
    assert merge.conflicts == {case: [3]}
    assert mine.verified_frames(case) == [1, 3, 5]
    np.testing.assert_array_equal(mine.read(case)[1].labels[3], masks.labels[3])
    image, _ = mine.read(second)
    np.testing.assert_array_equal(np.asarray(image.array), other_clip(clip).array)
    check_raw_dataset(mine.path)
    lines = read_lines(mine.path)
    assert {"kind": "stroke", "user": "ann"} in [edit for line in lines for edit in line.edits]
    assert [line.origin for line in lines if line.action == "merged"] == ["yours", "yours"]

    assert merge_stores(mine, yours).added == {}, "a second time there is nothing to do"
    merge_stores(mine, yours, "theirs")
    np.testing.assert_array_equal(mine.read(case)[1].labels[3], theirs.labels[3])
    assert case in mine.cases()
    assert len(mine.cases()) == 2


def test_a_clip_that_only_bears_the_name_of_another_is_refused(
    tmp_path: Path, clip: MedicalImage, masks: Segmentation
) -> None:
    mine, yours = Store(tmp_path / "mine"), Store(tmp_path / "yours")
    case, other = mine.verify(clip, masks, [1]), yours.verify(other_clip(clip), masks, [3])
    for file in yours.path.rglob(f"{other}*"):
        file.rename(file.with_name(file.name.replace(other, case)))
    listing = yours.path / "dataset.json"
    listing.write_text(listing.read_text().replace(other, case))
    with pytest.raises(StoreError, match="name different clips"):
        merge_stores(mine, yours)
    assert mine.verified_frames(case) == [1]


def test_stores_that_do_not_fit_are_refused(
    tmp_path: Path, clip: MedicalImage, masks: Segmentation
) -> None:
    mine, yours = Store(tmp_path / "mine"), Store(tmp_path / "yours")
    with pytest.raises(StoreError, match="no store of corrections, or an empty one"):
        merge_stores(mine, yours)
    mine.verify(clip, masks, [1])
    named = dataclasses.replace(masks, label_set=LabelSet.from_names({1: "nerve", 4: "bone"}))
    yours.verify(clip, named, [2])
    with pytest.raises(StoreError, match="holds the classes"):
        merge_stores(mine, yours)
    with pytest.raises(StoreError, match="with itself"):
        merge_stores(mine, Store(tmp_path / "mine"))


def test_a_store_goes_through_one_file(
    tmp_path: Path, clip: MedicalImage, masks: Segmentation, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = Store(tmp_path / "mine")
    case = mine.verify(clip, masks, [1, 3])
    assert main(["corrections", "export", str(mine.path), str(tmp_path / "all.zip")]) == 0
    command = ["corrections", "import", str(tmp_path / "new"), str(tmp_path / "all.zip")]
    assert main(command) == 0
    assert "took over frames [1, 3]" in capsys.readouterr().out
    new = Store(tmp_path / "new")
    assert new.verified_frames(case) == [1, 3]
    np.testing.assert_array_equal(new.read(case)[1].labels, mine.read(case)[1].labels)
    assert "verified" in [line.action for line in read_lines(new.path)]
    check_raw_dataset(new.path)
    assert not list(tmp_path.glob(".partial-*"))


def test_paths_in_an_archive_are_never_followed(
    tmp_path: Path, clip: MedicalImage, masks: Segmentation
) -> None:
    mine = Store(tmp_path / "mine")
    mine.verify(clip, masks, [1])
    path = tmp_path / "all.zip"
    export_store(mine, path)
    with zipfile.ZipFile(path, "a") as archive:
        for name in ("../evil", str(tmp_path / "evil"), "imagesTr/../../evil", "more.txt"):
            archive.writestr(name, "evil")
    import_store(path, Store(tmp_path / "deep" / "new"))
    assert not [one for one in tmp_path.rglob("*") if "evil" in one.name or "more" in one.name]
    content = json.loads((mine.path / "dataset.json").read_text())
    content["dataset"]["../../evil"] = {}
    with zipfile.ZipFile(tmp_path / "named.zip", "w") as archive:
        archive.writestr("dataset.json", json.dumps(content))
    with pytest.raises(StoreError, match="only letters, digits"):
        import_store(tmp_path / "named.zip", Store(tmp_path / "deep" / "newer"))


def test_damaged_archives_leave_the_store_as_it_was(
    tmp_path: Path, clip: MedicalImage, masks: Segmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, new = Store(tmp_path / "mine"), Store(tmp_path / "new")
    mine.verify(clip, masks, [1])
    path = tmp_path / "all.zip"
    export_store(mine, path)
    data = path.read_bytes()
    for length in [*range(0, len(data), max(1, len(data) // 20)), len(data) - 1]:
        (tmp_path / "cut.zip").write_bytes(data[:length])
        with pytest.raises(MambasegError):
            import_store(tmp_path / "cut.zip", new)
    for place in range(50, len(data), len(data) // 25):
        flipped = bytearray(data)
        flipped[place] ^= 16
        (tmp_path / "flipped.zip").write_bytes(flipped)
        try:
            import_store(tmp_path / "flipped.zip", Store(tmp_path / f"flip{place}"))
        except MambasegError:
            continue
        check_raw_dataset(tmp_path / f"flip{place}")  # what the bit changed did not count
    assert new.cases() == []
    monkeypatch.setattr("mambaseg.corrections.archive.MOST_BYTES", 1000)
    with pytest.raises(StoreError, match="make room first"):
        import_store(path, new)
    assert new.cases() == []
    with pytest.raises(StoreError, match="nothing to export"):
        export_store(new, tmp_path / "none.zip")
