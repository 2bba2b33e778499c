"""The sample data that napari offers under File > Open Sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mambaseg.plugin.layers import LayerData

__all__ = ["echo_clip"]


def echo_clip() -> list[LayerData]:
    """Give the echocardiogram that comes with mambaseg: 30 colour frames.

    Returns
    -------
    list of LayerData
        One image layer with axes (t, y, x) and colours last.
    """
    # Here and not above, so that napari's menus open fast and whatever else is broken.
    from mambaseg.data import read_image, sample_path
    from mambaseg.plugin.layers import image_layer

    data, options, kind = image_layer(read_image(sample_path("echo")))
    return [(data, options | {"name": "echocardiogram"}, kind)]
