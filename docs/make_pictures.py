"""Make the pictures that the README shows, from the sample clip and the demonstration model.

python docs/make_pictures.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from mambaseg.data import read_image, sample_path
from mambaseg.export import OverlayStyle, overlay
from mambaseg.inference import Engine

FRAMES = (4, 13, 20, 26)  # contracted, filling, full; the last two were held out


def main() -> None:
    image = read_image(sample_path("echo"))
    segmentation = Engine("cpu").segment(image, "vivim-echo-demo")
    style = OverlayStyle(mode="contour", contour_width=2, scale=2)
    pictures = [overlay(image, segmentation, style, frame=frame) for frame in FRAMES]
    rows = [np.concatenate(pictures[i : i + 2], axis=1) for i in (0, 2)]
    target = Path(__file__).parent / "images" / "echo_overlay.png"
    Image.fromarray(np.concatenate(rows)).save(target, optimize=True)


if __name__ == "__main__":
    main()
