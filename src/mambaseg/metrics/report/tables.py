"""The tables of a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import TypeVar

from mambaseg.metrics.catalogue import MEASURES
from mambaseg.metrics.row import ALL_CLASSES, Row
from mambaseg.metrics.statistics import Difference, Summary, case_values

__all__ = ["cases_table", "comparison_table", "number", "pooled_table", "summary_table"]

_One = TypeVar("_One", bound=Summary | Difference)

_NOTHING = '<span class="dim">&ndash;</span>'
_IN_CASES = (
    "Dice",
    "Jaccard",
    "HD95",
    "ASSD",
    "NSD",
    "Relative area error",
    "Relative volume error",
)


def number(value: float, unit: str) -> str:
    """Write a value with as many digits as its unit is worth."""
    if value != value:
        return _NOTHING
    if unit in ("", "ml") or unit.startswith("at "):
        return f"{value:.3f}"
    digits = 2 - (abs(value) >= 100) - (abs(value) >= 1000)
    return f"{value:.{digits}f}"


def _interval(low: float, high: float, unit: str) -> str:
    if low != low:
        return _NOTHING
    return f"{number(low, unit)} to {number(high, unit)}"


def _name(measure: str, unit: str) -> str:
    return escape(f"{measure} ({unit})" if unit else measure)


def _shown(measure: str) -> bool:
    return MEASURES[measure].group != "counts"


def _table(head: Sequence[str], lines: Sequence[str]) -> str:
    cells = "".join(f"<th>{cell}</th>" for cell in head)
    return f'<div class="scroll"><table><tr>{cells}</tr>{"".join(lines)}</table></div>'


def _line(cells: Sequence[str], bold: int | None = None) -> str:
    return (
        "<tr>"
        + "".join(
            f'<td class="better">{cell}</td>' if index == bold else f"<td>{cell}</td>"
            for index, cell in enumerate(cells)
        )
        + "</tr>"
    )


def _group(name: str, width: int) -> str:
    return f'<tr class="group"><td colspan="{width}">{escape(name)}</td></tr>'


def summary_table(summaries: Sequence[Summary]) -> str:
    """Lay out means, intervals and medians, class by class."""
    head = ["", "mean", "95 % interval", "median", "cases", "not defined"]

    def line(one: Summary) -> str:
        return _line(
            [
                _name(one.measure, one.unit),
                number(one.mean, one.unit),
                _interval(one.low, one.high, one.unit),
                number(one.median, one.unit),
                str(one.n),
                str(one.n_undefined or ""),
            ]
        )

    return _by_class(head, summaries, line)


def comparison_table(differences: Sequence[Difference], first: str, second: str) -> str:
    """Lay out two models' means, their difference, and on how many cases each is better."""
    names = escape(first), escape(second)
    head = ["", *names, "difference", "95 % interval", *(f"{n}<br>better on" for n in names), "of"]

    def line(one: Difference) -> str:
        return _line(
            [
                _name(one.measure, one.unit),
                number(one.first, one.unit),
                number(one.second, one.unit),
                ("+" if one.difference > 0 else "") + number(one.difference, one.unit),
                _interval(one.low, one.high, one.unit),
                str(one.first_better),
                str(one.second_better),
                str(one.n),
            ],
            _better(one),
        )

    return _by_class(head, differences, line)


def _by_class(head: Sequence[str], ones: Sequence[_One], line: Callable[[_One], str]) -> str:
    """Lay out a line for each under the name of its class; plain counts are left out."""
    lines = []
    shown = [one for one in ones if _shown(one.measure)]
    for name, group in groupby(sorted(shown, key=_class_last), lambda one: one.class_name):
        lines += [_group(name, len(head)), *map(line, group)]
    return _table(head, lines)


def _class_last(one: Summary | Difference) -> bool:
    """Put what is of all classes together at the end."""
    return one.class_name == ALL_CLASSES


def _better(one: Difference) -> int | None:
    """Column of the mean that is surely the better one."""
    if not one.settled or MEASURES[one.measure].better == "neither":
        return None
    way = MEASURES[one.measure].better
    if way == "zero":
        return 1 if abs(one.first) < abs(one.second) else 2
    return 1 if (one.first > one.second) == (way == "high") else 2


def pooled_table(models: Mapping[str, Sequence[Row]]) -> str:
    """Lay out the pooled measures, a class in a line."""
    rows = [row for found in models.values() for row in found]
    measures = [name for name in MEASURES if any(row.measure == name for row in rows)]
    lines = []
    for name, found in models.items():
        if len(models) > 1:
            lines.append(_group(name, len(measures) + 1))
        for class_name in dict.fromkeys(row.class_name for row in found):
            values = {row.measure: row.value for row in found if row.class_name == class_name}
            cells = [number(values[m], "") if m in values else "" for m in measures]
            lines.append(_line([escape(class_name), *cells]))
    return _table(["", *measures], lines)


def cases_table(rows: Sequence[Row]) -> str:
    """Lay out the chief measures of every case, class by class."""
    values = case_values(rows)
    keys = [key for key in values if key[1] in _IN_CASES]
    kinds = list(dict.fromkeys(key[1:] for key in keys))
    kinds.sort(key=lambda kind: list(MEASURES).index(kind[0]))
    lines = []
    for case in dict.fromkeys(case for key in keys for case in values[key]):
        for class_name in dict.fromkeys(key[0] for key in keys if case in values[key]):
            cells = [
                number(values.get((class_name, *kind), {}).get(case, float("nan")), kind[1])
                for kind in kinds
            ]
            lines.append(_line([escape(case) or _NOTHING, escape(class_name), *cells]))
    return _table(["case", "class", *(_name(*kind) for kind in kinds)], lines)
