"""Layers of different shape or scale: each panel says what differs, and what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from verified import NODULE, disc_film

from mambaseg.plugin.layers import labels_layer
from mambaseg.plugin.show import add_layers
from mambaseg.types import Segmentation

pytestmark = pytest.mark.usefixtures("display")

N_FRAMES = 4
OTHERS = {
    "shape": ((N_FRAMES + 1, 48, 60), (0.04, 1, 1), "along t 5 and 4"),
    "scale": ((N_FRAMES, 48, 60), (0.04, 1, 2), "along x is 2 and that of"),
}
NEXT = {"shape": "choose", "scale": "choose Copy scale and transforms > Copy scale to clipboard"}


@pytest.fixture(params=OTHERS)
def differs(request: pytest.FixtureRequest, desk: Any) -> str:
    """What another mask differs in from a clip and the clip's mask, "true"."""
    film, masks = disc_film(N_FRAMES)
    add_layers(desk.viewer, film, masks)
    desk.viewer.layers[-1].name = "true"
    shape, scale, _ = OTHERS[request.param]
    _, options, _ = labels_layer(Segmentation(np.ones(shape, np.uint8), "TYX", NODULE))
    options |= {"name": "other", "scale": scale, "units": desk.viewer.layers["true"].units}
    desk.viewer.add_labels(np.ones(shape, np.uint8), **options)
    return str(request.param)


def said(notices: list[str], differs: str, other: str) -> bool:
    """Whether it was told what differs, from which layer, and what to do."""
    words = ("the mask 'other'", OTHERS[differs][2], other, NEXT[differs])
    return any(all(word in text.replace("The", "the") for word in words) for text in notices)


def test_metrics(desk: Any, differs: str, notices: list[str]) -> None:
    desk.menu("Layers", "Measure", "Metrics (mambaseg)")
    panel = desk.panel("Metrics")
    panel.prediction.setCurrentText("other")
    panel.reference.setCurrentText("true")
    desk.click(panel.measure)
    assert said(notices, differs, "the mask 'true'")
    assert "'other'" in panel.note.text()
    assert not panel.save.isEnabled()


def test_export(desk: Any, differs: str, notices: list[str]) -> None:
    desk.menu("Layers", "Visualize", "Export (mambaseg)")
    panel = desk.panel("Export")
    panel.labels.setCurrentText("other")
    desk.wait(lambda: said(notices, differs, "the image 'disc'"))
    assert not panel.export.isEnabled()
    panel.labels.setCurrentText("true")
    desk.wait(panel.export.isEnabled)


def test_correct(desk: Any, differs: str, notices: list[str]) -> None:
    desk.menu("Layers", "Annotate", "Correct (mambaseg)")
    panel = desk.panel("Correct")
    panel.labels.setCurrentText("other")
    assert said(notices, differs, "the image 'disc'")
    desk.wait(lambda: OTHERS[differs][2] in panel.note.text())
    if differs == "scale":
        desk.wait(panel.verify.isEnabled)
        notices.clear()
        desk.click(panel.verify)
        assert said(notices, differs, "the image 'disc'")
        assert "verified" not in panel.map.states
        desk.viewer.layers["other"].scale = desk.viewer.layers["true"].scale
        desk.click(panel.verify)
        desk.wait(lambda: "verified" in panel.map.states)
