"""Write the overlay of a mask as a film, pictures, TIFF, DICOM or a contact sheet."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mambaseg.cli.choices import frame_range

if TYPE_CHECKING:
    from mambaseg.export import ExportPreset
    from mambaseg.inference.record import DoubtRecord
    from mambaseg.types import MedicalImage, Segmentation

__all__ = ["add_arguments", "run"]

_FORMATS = {
    ".mp4": "mp4",
    ".gif": "gif",
    ".png": "png",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".dcm": "dicom",
}
_STILL = ("png", "tiff", "dicom")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments; of the look, none has a default: the preset has."""
    parser.add_argument("image", type=Path, nargs="?", help="what the mask is of")
    parser.add_argument("mask", type=Path, nargs="?", help="a mask of it, file or folder")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        help="a file .mp4, .gif, .png, .tif or .dcm, or a folder for a PNG of each frame; with a "
        "preset its suffix may be left out",
    )
    parser.add_argument(
        "-p",
        "--preset",
        help="how to draw: a name that the Export panel saved, or a .yaml file; what is given "
        "besides comes before it",
    )
    parser.add_argument(
        "--save-preset", metavar="NAME", help="keep what is chosen here as a preset"
    )
    parser.add_argument("--presets", action="store_true", help="list the presets")
    what = parser.add_argument_group("which frames")
    what.add_argument("--frames", type=frame_range, help="frames A to B (left out) only: A:B")
    what.add_argument(
        "--worst", type=int, metavar="N", help="the N worst, by --reference or by --record"
    )
    what.add_argument(
        "--sheet", type=int, metavar="N", help="at most N frames on one picture, with captions"
    )
    what.add_argument("--reference", type=Path, metavar="MASK", help="the true mask")
    what.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="the record of the run (--report of `mambaseg segment`), which tells its doubt",
    )
    look = parser.add_argument_group("what is drawn")
    look.add_argument("--before", type=Path, metavar="MASK", help="an earlier mask, on the left")
    look.add_argument("--layout", choices=["overlay", "beside", "before_after"])
    look.add_argument("--style", dest="mode", choices=["fill", "contour"])
    look.add_argument("--opacity", type=float, help="of a filled overlay, 0 to 1")
    look.add_argument("--outline", dest="contour_width", type=int, metavar="PIXELS")
    look.add_argument("--scale", type=int, help="enlarge by a whole number")
    for name, about in (
        ("legend", "names of the classes"),
        ("scale-bar", "a bar of a round length in mm, where the spacing is known"),
        ("time-stamp", "each frame's time in s, where it is known"),
    ):
        look.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, help=about)
    look.add_argument(
        "--keep-surroundings",
        dest="blank_outside",
        action="store_const",
        const=False,
        help="leave what surrounds a DICOM ultrasound picture, where text about the patient may "
        "stand",
    )
    parser.add_argument(
        "--patient",
        action="store_true",
        help="name the patient in DICOM as the image does, so that archives file it",
    )


def run(arguments: argparse.Namespace) -> None:
    """List the presets, or write one export, and keep its settings where that is asked for."""
    from mambaseg.export import list_presets, presets_folder, write_preset
    from mambaseg.types.errors import InvalidOptionError

    if arguments.presets:
        for name in list_presets():
            print(name)
        print(f"Presets are kept in {presets_folder()}")
        return
    preset = _preset(arguments)
    if arguments.save_preset is not None:
        print(f"wrote {write_preset(arguments.save_preset, preset)}")
        if arguments.image is None:
            return
    if arguments.image is None or arguments.mask is None or arguments.output is None:
        raise InvalidOptionError(
            "An export needs an image, a mask of it, and with -o a place: write for example "
            "mambaseg export clip.mp4 clip_mask.nrrd -o overlay.mp4"
        )
    _export(arguments, preset)


def _preset(arguments: argparse.Namespace) -> ExportPreset:
    """Give the preset that was named, with what was chosen besides."""
    from dataclasses import asdict

    from mambaseg.export import ExportPreset, read_preset
    from mambaseg.types.errors import InvalidOptionError

    if arguments.worst and arguments.sheet and arguments.worst != arguments.sheet:
        raise InvalidOptionError(
            f"--worst {arguments.worst} and --sheet {arguments.sheet} ask for different numbers of "
            "frames: give the same one, or one of them alone."
        )
    preset = read_preset(arguments.preset) if arguments.preset else ExportPreset()
    style = asdict(preset.style)
    given = {name: getattr(arguments, name) for name in style}
    style |= {name: value for name, value in given.items() if value is not None}
    chosen: dict[str, Any] = {"style": style}
    if arguments.before is not None and arguments.layout is None:
        style["layout"] = "before_after"
    if arguments.worst is not None:
        chosen |= {"frames": "worst", "count": arguments.worst}
    if arguments.sheet is not None:
        chosen |= {"sheet": True, "count": arguments.sheet}
    suffix = arguments.output.suffix.lower() if arguments.output is not None else ""
    if suffix in _FORMATS:
        chosen["format"] = _FORMATS[suffix]
    elif not suffix and (chosen.get("sheet") or not arguments.preset):
        chosen["format"] = preset.format if preset.format in _STILL else "png"
    return ExportPreset.parse(preset.model_dump() | chosen, "What was chosen")


def _export(arguments: argparse.Namespace, preset: ExportPreset) -> None:
    from mambaseg.cli.progress import bar_of, progress_on
    from mambaseg.data import read_image
    from mambaseg.data.reorienting import shown_in_order
    from mambaseg.session import ExportRequest, export

    image = read_image(arguments.image)
    masks = {
        name: _mask(path, image)
        for name, path in (
            ("segmentation", arguments.mask),
            ("before", arguments.before),
            ("reference", arguments.reference),
        )
        if path is not None
    }
    home = shown_in_order(image)
    if home is not None:  # as the viewer shows it, so that the pixels are those of the panel
        image = home.image(image)
        masks = {name: home.labels(mask) for name, mask in masks.items()}
    path = arguments.output
    if not path.suffix:
        single = arguments.frames is not None and len(arguments.frames) == 1
        path = path.with_name(path.name + preset.suffix(single=single or image.kind == "image"))
    request = ExportRequest(
        image,
        preset=preset,
        path=path,
        frames=arguments.frames,
        doubt=_doubt(arguments.record),
        origin=str(arguments.image),
        patient=arguments.patient,
        **masks,
    )
    with bar_of("exporting") as bar:
        written = export(request, progress_on(bar))
    print(written)


def _mask(path: Path, image: MedicalImage) -> Segmentation:
    from mambaseg.cli.masks import read_masks

    return read_masks(path, image.axes.removeprefix("C"))


def _doubt(path: Path | None) -> DoubtRecord | None:
    from mambaseg.inference.replay import read_record

    return None if path is None else read_record(path).doubt
