"""The plots of a report, as SVG."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mambaseg.metrics.catalogue import MEASURES
from mambaseg.metrics.row import Row
from mambaseg.metrics.statistics import case_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["curves", "pairs", "spread"]

COLORS = ("#0072B2", "#E69F00")
"""Of the models."""

_INK = "#22272e"


def spread(models: Mapping[str, Sequence[Row]], measure: str, unit: str) -> bytes:
    """Draw the values of every case, by class and model, with their quartiles."""
    figure, axes = _figure(3.4, 2.7)
    values = {name: _values(rows, measure, unit) for name, rows in models.items()}
    classes = list(dict.fromkeys(key for of_model in values.values() for key in of_model))
    random = np.random.default_rng(0)
    width = 0.8 / len(models)
    for index, (name, of_model) in enumerate(values.items()):
        for place, class_name in enumerate(classes):
            found = np.array(list(of_model.get(class_name, {}).values()))
            found = found[~np.isnan(found)]
            if not found.size:
                continue
            x = place + (index - (len(models) - 1) / 2) * width
            axes.boxplot(
                found,
                positions=[x],
                widths=width * 0.6,
                showfliers=False,
                medianprops={"color": COLORS[index], "lw": 2},
                boxprops={"color": _INK, "alpha": 0.6},
                whiskerprops={"color": _INK, "alpha": 0.6},
                capprops={"color": _INK, "alpha": 0.6},
            )
            jitter = random.uniform(-0.18, 0.18, found.size) * width
            label = name if place == 0 else None
            axes.scatter(x + jitter, found, s=9, color=COLORS[index], alpha=0.6, lw=0, label=label)
    axes.set_xticks(range(len(classes)), classes)
    axes.set_xlim(-0.6, len(classes) - 0.4)
    axes.set_title(_title(measure, unit), fontsize=10, color=_INK)
    _limit(axes, measure)
    if len(models) > 1:
        _legend(figure, axes)
    return _svg(figure)


def pairs(models: Mapping[str, Sequence[Row]], measure: str, unit: str) -> bytes:
    """Draw one model's values against the other's, a point per case and class."""
    figure, axes = _figure(3.4, 3.1)
    (first, a), (second, b) = ((name, _values(r, measure, unit)) for name, r in models.items())
    markers = "osD^v<>"
    for index, class_name in enumerate(a):
        cases = [case for case in a[class_name] if case in b.get(class_name, {})]
        axes.scatter(
            [b[class_name][case] for case in cases],
            [a[class_name][case] for case in cases],
            s=14,
            alpha=0.65,
            lw=0,
            marker=markers[index % len(markers)],
            label=class_name,
            color=("#009E73", "#CC79A7", "#D55E00", "#56B4E9")[index % 4],
        )
    low, high = (
        min(axes.get_xlim()[0], axes.get_ylim()[0]),
        max(axes.get_xlim()[1], axes.get_ylim()[1]),
    )
    axes.plot([low, high], [low, high], color=_INK, lw=0.8, alpha=0.5)
    axes.set_aspect("equal")
    axes.set_xlabel(second, fontsize=9, color=_INK)
    axes.set_ylabel(first, fontsize=9, color=_INK)
    axes.set_title(_title(measure, unit), fontsize=10, color=_INK)
    _legend(figure, axes)
    return _svg(figure)


def curves(
    models: Mapping[str, Sequence[Row]], case: str, measure: str, colors: Mapping[str, str]
) -> bytes:
    """Draw a measure over the frames of a clip, a line per class; the second model's dashed."""
    figure, axes = _figure(5.2, 2.4)
    unit = ""
    for (name, rows), style in zip(models.items(), ("-", "--"), strict=False):
        lines: dict[str, dict[int, float]] = {}
        for row in rows:
            if row.case == case and row.measure == measure and row.frame is not None:
                lines.setdefault(row.class_name, {})[row.frame] = row.value
                unit = row.unit
        for class_name, found in lines.items():
            frames = np.arange(min(found), max(found) + 1)
            label = class_name if len(models) == 1 else f"{class_name}, {name}"
            axes.plot(
                frames,
                [found.get(int(frame), np.nan) for frame in frames],
                style,
                lw=1.4,
                color=colors.get(class_name, _INK),
                label=label,
            )
    axes.set_title(_title(measure, unit), fontsize=10, color=_INK)
    axes.set_xlabel("frame", fontsize=9, color=_INK)
    _limit(axes, measure)
    _legend(figure, axes)
    return _svg(figure)


def _values(rows: Sequence[Row], measure: str, unit: str) -> dict[str, dict[str, float]]:
    return {key[0]: cases for key, cases in case_values(rows).items() if key[1:] == (measure, unit)}


def _limit(axes: Axes, measure: str) -> None:
    """Have ratios from 0 to 1, and distances from 0."""
    better = MEASURES[measure].better
    if better == "high":
        axes.set_ylim(-0.03, 1.03)
    elif better == "low":
        axes.set_ylim(bottom=0)


def _title(measure: str, unit: str) -> str:
    return f"{measure} ({unit})" if unit else measure


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    # Without pyplot, which belongs to one thread.
    from matplotlib.figure import Figure

    figure = Figure((width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=_INK, labelsize=8, length=3)
    axes.grid(axis="y", color=_INK, alpha=0.12, lw=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=2,
            fontsize=8,
            frameon=False,
            markerscale=2,
        )


def _svg(figure: Figure) -> bytes:
    from matplotlib import rc_context

    file = io.BytesIO()
    # Text stays text; and the same numbers give the same bytes.
    fixed: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "mambaseg"}
    with rc_context(fixed):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return file.getvalue()
