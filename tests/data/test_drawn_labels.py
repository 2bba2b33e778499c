"""Polygons drawn by hand."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mambaseg.data import read_drawn_labels
from mambaseg.types.errors import InvalidAnnotationError

HEIGHT, WIDTH = 12, 16
FORM: dict[str, Any] = {
    "format_version": 1,
    "image": "clip.dcm",
    "image_sha256": "ab" * 32,
    "image_size": [HEIGHT, WIDTH],
    "labels": [{"value": 1, "name": "left ventricle"}, {"value": 2, "name": "wall"}],
    "coordinates": "x right, y down, pixel centres at whole numbers",
    "drawn_by": "this project",
    "frames": [
        {"index": 7, "polygons": [{"value": 1, "points": [[1.5, 0.5], [4.5, 0.5], [4.5, 2.5]]}]},
        {"index": 3, "polygons": []},
    ],
}


def save(folder: Path, form: dict[str, Any]) -> Path:
    path = folder / "drawn.json"
    path.write_text(json.dumps(form))
    return path


def with_polygons(*polygons: tuple[int, Any]) -> dict[str, Any]:
    form = copy.deepcopy(FORM)
    form["frames"] = [{"index": 0, "polygons": [{"value": v, "points": p} for v, p in polygons]}]
    return form


def test_the_form_is_read(tmp_path: Path) -> None:
    drawn = read_drawn_labels(save(tmp_path, FORM))
    assert drawn.label_set.names == {1: "left ventricle", 2: "wall"}
    assert drawn.frame_indices == (3, 7)
    assert drawn.image_size == (HEIGHT, WIDTH)
    assert drawn.image_sha256 == "ab" * 32
    assert not drawn.mask(3).any()
    assert drawn.mask(7).dtype == np.uint8
    assert drawn.mask(7).shape == (HEIGHT, WIDTH)


def test_the_axes_are_not_swapped_and_not_shifted(tmp_path: Path) -> None:
    rectangle = [[4.6, 1.6], [9.4, 1.6], [9.4, 3.4], [4.6, 3.4]]
    mask = read_drawn_labels(save(tmp_path, with_polygons((2, rectangle)))).mask(0)
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[2:4, 5:10] = 2
    np.testing.assert_array_equal(mask, expected)


def test_later_polygons_cover_earlier_ones(tmp_path: Path) -> None:
    whole = [[-0.5, -0.5], [WIDTH - 0.5, -0.5], [WIDTH - 0.5, HEIGHT - 0.5], [-0.5, HEIGHT - 0.5]]
    half = [[-0.5, -0.5], [7.5, -0.5], [7.5, HEIGHT - 0.5], [-0.5, HEIGHT - 0.5]]
    mask = read_drawn_labels(save(tmp_path, with_polygons((1, whole), (2, half)))).mask(0)
    assert (mask[:, :8] == 2).all()
    assert (mask[:, 8:] == 1).all()


def is_inside(x: int, y: int, points: list[tuple[float, float]]) -> bool:
    """Whether a ray from the point to the right crosses the outline an odd number of times."""
    crossings = 0
    for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            crossings += 1
    return crossings % 2 == 1


# Odd sixty-fourths: no corner and hardly an edge lies exactly on a pixel's centre.
coordinates = st.tuples(
    st.integers(0, WIDTH * 32 - 33).map(lambda n: (2 * n + 1) / 64),
    st.integers(0, HEIGHT * 32 - 33).map(lambda n: (2 * n + 1) / 64),
)


def distance(x: int, y: int, points: list[tuple[float, float]]) -> float:
    """Distance of a point from the outline."""
    centre = np.array([x, y], float)
    nearest = np.inf
    for start, end in zip(np.array(points), np.roll(points, -1, axis=0), strict=True):
        along = end - start
        share = np.clip((centre - start) @ along / max(along @ along, 1e-12), 0, 1)
        nearest = min(nearest, float(np.linalg.norm(centre - start - share * along)))
    return nearest


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(points=st.lists(coordinates, min_size=3, max_size=8))
def test_pixels_whose_centre_is_inside_are_set(
    points: list[tuple[float, float]], tmp_path: Path
) -> None:
    mask = read_drawn_labels(save(tmp_path, with_polygons((1, points)))).mask(0)
    for y, x in np.ndindex(HEIGHT, WIDTH):
        if distance(x, y, points) > 1e-9:
            assert bool(mask[y, x]) == is_inside(x, y, points), (x, y)


def change(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def apply(form: dict[str, Any]) -> None:
        *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
        place: Any = form
        for part in parents:
            place = place[part]
        if value is None:
            del place[last]
        else:
            place[last] = value

    return apply


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (change("format_version", 2), "format_version"),
        (change("labels", None), "labels"),
        (change("labels.1.value", 1), "two labels have one value"),
        (change("labels.0.value", 255), r"labels\.0\.value"),
        (change("image_sha256", "short"), "image_sha256"),
        (change("image_size", [0, 5]), r"image_size\.0"),
        (change("frames.1.index", 7), "frame 7 stands there twice"),
        (change("frames.0.index", -1), r"frames\.0\.index"),
        (change("frames.0.polygons.0.value", 5), r"frame 7 has a polygon of value 5"),
        (change("frames.0.polygons.0.points", [[1, 1], [2, 2]]), r"frames\.0\.polygons\.0\.points"),
        (change("frames.0.polygons.0.points.1", [99, 1]), r"frame 7 has a point \(99, 1\) outside"),
        (change("frames.0.polygons.0.points.1", [float("nan"), 1]), r"points\.1\.0"),
        (change("frames.0.polygons.0.points.1", ["a", 1]), r"points\.1\.0"),
    ],
)
def test_bad_files_are_refused_with_the_place(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], None], place: str
) -> None:
    form = copy.deepcopy(FORM)
    spoil(form)
    with pytest.raises(InvalidAnnotationError, match=rf"drawn\.json.*{place}"):
        read_drawn_labels(save(tmp_path, form))


def test_what_is_no_json_or_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "drawn.json"
    with pytest.raises(InvalidAnnotationError, match=r"drawn\.json cannot be opened"):
        read_drawn_labels(path)
    path.write_bytes(b"\xff\xfe not json")
    with pytest.raises(InvalidAnnotationError, match=r"drawn\.json does not hold drawn labels"):
        read_drawn_labels(path)


def test_frames_that_were_not_drawn_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidAnnotationError, match=r"Frame 4 was not drawn.*\[3, 7\]"):
        read_drawn_labels(save(tmp_path, FORM)).mask(4)
