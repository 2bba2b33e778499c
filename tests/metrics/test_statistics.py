"""What many cases say: pooled, summarised, compared; and tables as files."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from mambaseg.metrics import (
    ALL_CLASSES,
    MEASURES,
    POOLED,
    MeasureOptions,
    Row,
    compare,
    evaluate,
    pooled,
    summarize,
    write_table,
)
from mambaseg.types import LabelSet, Segmentation
from mambaseg.types.errors import InvalidOptionError, OutputError

TWO = LabelSet.from_names({1: "nerve", 2: "vessel"})


def clips(n_cases: int = 4) -> tuple[list[Row], np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    found, true = random.integers(0, 3, (2, n_cases, 3, 7, 8))
    options = MeasureOptions(tuple(MEASURES), levels=("frame", "case"))
    rows: list[Row] = []
    for i in range(n_cases):
        pair = [Segmentation(m[i], "TYX", TWO) for m in (found, true)]
        rows += evaluate(*pair, options=options, case=f"case {i}")
    return rows, found, true


def test_pooled_is_measured_on_all_pixels_at_once() -> None:
    rows, found, true = clips()
    joined = [Segmentation(m.reshape(-1, 8), "YX", TWO) for m in (found, true)]
    at_once = {
        (r.class_name, r.measure): r.value
        for r in evaluate(*joined, options=MeasureOptions(tuple(MEASURES)))
    }
    together = pooled(rows)
    assert {row.case for row in together} == {POOLED}
    assert {row.measure for row in together} >= {"Dice", "Jaccard", "Specificity", "mIoU"}
    for row in together:
        assert row.value == pytest.approx(at_once[row.class_name, row.measure])
    frames_only = [row for row in rows if row.frame is not None]
    assert pooled(frames_only) == together
    assert pooled([row for row in rows if row.measure == "Dice"]) == []
    assert ALL_CLASSES in {row.class_name for row in together}


def scores(values: dict[str, list[float]], measure: str = "Dice") -> list[Row]:
    return [
        Row(case, frame, "nerve", measure, value)
        for case, frames in values.items()
        for frame, value in enumerate(frames)
    ]


def test_a_clip_counts_once_however_long_it_is() -> None:
    (found,) = summarize(scores({"a": [0.2] * 100, "b": [0.8], "c": [0.6, math.nan, 0.8]}))
    assert (found.n, found.n_undefined) == (3, 0)
    assert found.mean == pytest.approx((0.2 + 0.8 + 0.7) / 3)
    assert found.median == pytest.approx(0.7)
    assert 0.2 - 1e-9 <= found.low < found.mean < found.high <= 0.8 + 1e-9


def test_the_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        values = random.normal(0.7, 0.1, 40)
        (found,) = summarize(scores({str(i): [v] for i, v in enumerate(values)}))
        covered += found.low <= 0.7 <= found.high
        assert found.high - found.low == pytest.approx(
            2 * 1.96 * values.std() / math.sqrt(40), rel=0.08
        )
    assert 0.90 <= covered / 200 <= 0.98


def test_what_is_not_defined_is_left_out_and_counted() -> None:
    (found,) = summarize(scores({"a": [math.nan], "b": [10.0]}, "Relative area error"))
    assert (found.n, found.n_undefined, found.mean) == (1, 1, 10.0)
    assert math.isnan(found.low)  # one case makes no interval
    (found,) = summarize(scores({"a": [math.nan]}, "Relative area error"))
    assert (found.n, math.isnan(found.mean)) == (0, True)


def test_two_models_are_compared_case_by_case() -> None:
    random = np.random.default_rng(1)
    hard = random.uniform(0.2, 0.9, 30)  # the cases differ far more than the models
    first = scores({str(i): [v + 0.02 + random.normal(0, 0.01)] for i, v in enumerate(hard)})
    second = scores({str(i): [v] for i, v in enumerate(hard)})
    (found,) = compare(first, second)
    assert found.difference == pytest.approx(found.first - found.second)
    assert 0 < found.low < found.difference < found.high < 0.04
    assert found.settled
    assert found.first_better > 25
    assert found.first_better + found.second_better == 30
    (same,) = compare(second, second)
    assert (same.difference, same.low, same.high, same.settled) == (0, 0, 0, False)
    errors = [scores({"a": [v[0]], "b": [v[1]]}, "Relative area error") for v in ((-5, 3), (9, -4))]
    (found,) = compare(*errors)
    assert (found.first_better, found.second_better) == (2, 0)  # nearer to zero
    with pytest.raises(InvalidOptionError, match="29 has but one of the two"):
        compare(first[:-1], second)


def test_tables_as_files(tmp_path: Path) -> None:
    rows = [Row("a", None, "nerve", "HD95", 1.5, "mm"), Row("b", 3, "größe", "Dice", math.nan)]
    write_table(rows, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert lines == [
        {
            "case": "a",
            "frame": "",
            "class_name": "nerve",
            "measure": "HD95",
            "value": "1.5",
            "unit": "mm",
        },
        {
            "case": "b",
            "frame": "3",
            "class_name": "größe",
            "measure": "Dice",
            "value": "",
            "unit": "",
        },
    ]
    write_table(rows, tmp_path / "t.json", {"prediction": "x"})
    record = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    assert (record["format_version"], record["prediction"]) == (1, "x")
    assert [row["value"] for row in record["rows"]] == [1.5, None]
    with pytest.raises(InvalidOptionError, match=r"t.xlsx; choose .csv, .json, .parquet"):
        write_table(rows, tmp_path / "t.xlsx")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Cannot write"):
        write_table(rows, tmp_path / "file" / "t.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "t.csv", "t.json"]


def test_parquet(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    rows = [Row("a", None, "nerve", "HD95", 1.5, "mm"), Row("b", 3, "n", "Dice", math.nan)]
    write_table(rows, tmp_path / "t.parquet")
    found = parquet.read_table(tmp_path / "t.parquet").to_pydict()
    assert found["value"] == [1.5, None]
    assert found["frame"] == [None, 3]
    assert list(found) == ["case", "frame", "class_name", "measure", "value", "unit"]


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InvalidOptionError, match=r"pip install 'mambaseg\[parquet\]'"):
        write_table([], tmp_path / "t.parquet")
