"""The sample data that napari offers under File > Open Sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mambaseg.plugin.layers import LayerData

__all__ = ["echo_clip", "head_volume", "retina_picture"]


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


def head_volume() -> list[LayerData]:
    """Give a computed volume that looks like an MR of a head: 80 slices of 112 x 96.

    Returns
    -------
    list of LayerData
        One image layer with axes (z, y, x).
    """
    from mambaseg.data.synthetic import head_volume
    from mambaseg.plugin.layers import image_layer

    return [image_layer(head_volume())]


def retina_picture() -> list[LayerData]:
    """Give the photograph of an eye's back that scikit-image ships.

    Returns
    -------
    list of LayerData
        One image layer with axes (y, x) and colours last.
    """
    from mambaseg.data import read_image, sample_path
    from mambaseg.plugin.layers import image_layer

    data, options, kind = image_layer(read_image(sample_path("retina")))
    return [(data, options | {"name": "retina"}, kind)]
