from __future__ import annotations

from typing import Any

import pytest

from mambaseg.export import OverlayStyle


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"mode": "outline"}, "mode"),
        ({"opacity": -0.1}, "opacity"),
        ({"opacity": 1.5}, "opacity"),
        ({"opacity": float("nan")}, "opacity"),
        ({"contour_width": 0}, "contour_width"),
        ({"contour_width": 1.5}, "contour_width"),
        ({"scale": 0}, "scale"),
        ({"scale": 17}, "scale"),
        ({"scale": 2.0}, "scale"),
    ],
)
def test_values_outside_their_range_are_refused(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        OverlayStyle(**values)


def test_the_ends_of_the_ranges_are_taken() -> None:
    assert OverlayStyle("contour", 0.0, 1, False, 16) == OverlayStyle(
        mode="contour", opacity=0, contour_width=1, legend=False, scale=16
    )
