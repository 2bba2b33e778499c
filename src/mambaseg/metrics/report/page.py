"""The page of a report: what was compared, the figures, the plots and the worst cases."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from mambaseg.files import write_whole
from mambaseg.metrics.catalogue import MEASURES
from mambaseg.metrics.difference import DIFFERENCES
from mambaseg.metrics.pooling import pooled
from mambaseg.metrics.report import charts
from mambaseg.metrics.report.tables import (
    cases_table,
    comparison_table,
    pooled_table,
    summary_table,
)
from mambaseg.metrics.row import ALL_CLASSES, POOLED, Row
from mambaseg.metrics.statistics import compare, summarize

__all__ = ["Picture", "write_report"]

_PLOTTED = ("Dice", "HD95", "NSD", "Relative area error", "Relative volume error", "F1 at 0.5")
_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; color: #22272e; margin: 2rem auto;
  max-width: 1080px; padding: 0 1.5rem; background: #fff; }
h1 { font-size: 1.7rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem;
  border-bottom: 1px solid #d0d7de; padding-bottom: .25rem; }
p.lead { color: #57606a; margin-top: 0; } p.note { color: #57606a; font-size: .88rem; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .22rem .7rem; text-align: right; white-space: nowrap; }
th { font-weight: 600; border-bottom: 2px solid #d0d7de; vertical-align: bottom; }
td { border-bottom: 1px solid #eaeef2; }
th:first-child, td:first-child, td.text, th.text { text-align: left; }
tr.group td { font-weight: 600; background: #f6f8fa; } tr:hover td { background: #f6f8fa; }
td.better { font-weight: 600; } .dim { color: #8c959f; }
.scroll { overflow-x: auto; } .plots { display: flex; flex-wrap: wrap; gap: 1rem; }
.plots img { max-width: 100%; } .cases { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(310px, 1fr)); }
figure { margin: 0; border: 1px solid #d0d7de; border-radius: 6px; overflow: hidden; }
figure img { width: 100%; display: block; background: #000; }
figcaption { padding: .4rem .6rem; font-size: .84rem; }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px;
  border: 1px solid #8c959f; margin: 0 .3em 0 1em; }
details { margin: .5rem 0; } summary { cursor: pointer; color: #0969da; }
@media print { body { max-width: none; } figure, .plots img { break-inside: avoid; } }
"""


@dataclass(frozen=True)
class Picture:
    """A picture of a case, and what to say below it.

    Parameters
    ----------
    caption : str
    pixels : ndarray of uint8, shape (Y, X, 3)
        Red, green, blue.
    """

    caption: str
    pixels: NDArray[np.uint8]


def write_report(
    path: str | os.PathLike[str],
    models: Mapping[str, Sequence[Row]],
    *,
    title: str,
    about: Sequence[str] = (),
    colors: Mapping[str, str] | None = None,
    pictures: Sequence[Picture] = (),
    ranked_by: str = "Dice",
) -> None:
    """Write a report as one HTML file that needs no other file and no network.

    Parameters
    ----------
    path : path-like
    models : mapping of str to sequence of Row
        The rows of one model, or of two that are compared, by name.
    title : str
    about : sequence of str
        Sentences on what was compared.
    colors : mapping of str to str, optional
        Colours of the classes, for curves.
    pictures : sequence of Picture
        The worst cases, the worst first.
    ranked_by : str
        The measure by which they are the worst.

    Raises
    ------
    InvalidOptionError
        If two models were measured on different cases.
    OutputError
        If it cannot be written.
    """
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="lead">{" ".join(escape(sentence) for sentence in about)}</p>',
        *_figures(models),
        *_plots(models, colors or {}),
        *_worst(pictures, ranked_by),
        *_all_cases(models),
        *_definitions(models),
    ]
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )
    with write_whole(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _figures(models: Mapping[str, Sequence[Row]]) -> list[str]:
    parts = []
    if len(models) == 2:
        first, second = models
        parts += [
            "<h2>The difference</h2>",
            f'<p class="note">Case by case, on the cases where both have a value: mean of '
            f"{escape(first)} minus {escape(second)}, with the 95 % bootstrap interval by case. "
            "The better mean is bold where the interval leaves out 0.</p>",
            comparison_table(compare(*models.values()), first, second),
        ]
    tables = {name: summary_table(summarize(rows)) for name, rows in models.items()}
    if len(tables) > 1:  # their means stand above already
        tables = {
            name: f"<details><summary>{escape(name)}</summary>{table}</details>"
            for name, table in tables.items()
        }
    parts += [
        "<h2>Means over cases</h2>",
        '<p class="note">Of a clip the mean over its frames stands for the case. The interval is '
        "the 95 % bootstrap interval of the mean, by case; one case has none. Cases where a "
        "measure is not defined are left out, and their number is told.</p>",
        *tables.values(),
    ]
    together = {name: pooled(rows) for name, rows in models.items()}
    if any(together.values()):
        parts += [
            "<h2>Pooled over all pixels</h2>",
            '<p class="note">The pixels of all cases added up, and measured once: large objects '
            "weigh more than in a mean over cases, and the two are not comparable.</p>",
            pooled_table(together),
        ]
    return parts


def _plots(models: Mapping[str, Sequence[Row]], colors: Mapping[str, str]) -> list[str]:
    rows = [row for of_model in models.values() for row in of_model if row.case != POOLED]
    cases = dict.fromkeys(row.case for row in rows)
    kinds = dict.fromkeys(
        (name, row.unit)
        for name in _PLOTTED
        for row in rows
        if row.measure == name and row.class_name != ALL_CLASSES
    )
    plots = []
    if len(cases) > 1:
        plots += [(charts.spread(models, *kind), f"{kind[0]} by class") for kind in kinds]
        if len(models) == 2:
            plots += [
                (charts.pairs(models, *kind), f"{kind[0]} of one model against the other's")
                for kind in list(kinds)[:2]
            ]
    else:
        framed = {row.measure for row in rows if row.frame is not None}
        plots += [
            (charts.curves(models, case, name, colors), f"{name} over frames")
            for case in cases
            for name in dict.fromkeys(kind[0] for kind in kinds)
            if name in framed
        ]
    if not plots:
        return []
    images = "\n".join(_image(data, "image/svg+xml", text) for data, text in plots)
    note = "A point is a case; the line in the box is the median." if len(cases) > 1 else ""
    return ["<h2>Plots</h2>", f'<p class="note">{note}</p><div class="plots">{images}</div>']


def _worst(pictures: Sequence[Picture], ranked_by: str) -> list[str]:
    if not pictures:
        return []
    keys = "".join(
        f'<span class="key" style="background:{kind.color}"></span>{kind.name}'
        for kind in DIFFERENCES.classes
    )
    figures = "".join(
        f"<figure>{_image(_png(one.pixels), 'image/png', one.caption)}"
        f"<figcaption>{escape(one.caption)}</figcaption></figure>"
        for one in pictures
    )
    return [
        f"<h2>The worst, by {escape(ranked_by)}</h2>",
        f'<p class="note">{keys}</p><div class="cases">{figures}</div>',
    ]


def _all_cases(models: Mapping[str, Sequence[Row]]) -> list[str]:
    parts = ["<h2>All cases</h2>"]
    for name, rows in models.items():
        parts.append(f"<details><summary>{escape(name)}</summary>{cases_table(rows)}</details>")
    return parts


def _definitions(models: Mapping[str, Sequence[Row]]) -> list[str]:
    used = {row.measure for rows in models.values() for row in rows}
    lines = "".join(
        f'<tr><td>{escape(name)}</td><td class="text">{escape(measure.about)}</td></tr>'
        for name, measure in MEASURES.items()
        if name in used
    )
    return [
        "<h2>What the measures are</h2>",
        '<p class="note">P is the prediction, R the reference; pixels that the reference does not '
        "annotate do not count. Both empty: ratios are 1, distances 0. One of them empty: ratios "
        "are 0, distances the length of the image's diagonal. mambaseg's docs/metrics.md has the "
        "definitions with their sources, and says where other programs differ.</p>",
        f"<table>{lines}</table>",
    ]


def _png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return file.getvalue()


def _image(data: bytes, kind: str, text: str) -> str:
    content = base64.b64encode(data).decode("ascii")
    return f'<img src="data:{kind};base64,{content}" alt="{escape(text)}">'
