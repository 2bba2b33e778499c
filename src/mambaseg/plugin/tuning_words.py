"""A fine-tuning in words: how it goes, and what came of it."""

from __future__ import annotations

from html import escape

from mambaseg.session import Tuning, time_left
from mambaseg.training.score_changes import ScoreChange

__all__ = ["dice_words", "result_of", "status_of"]

_CELL = '<td style="padding-right: 12px; white-space: nowrap">'


def status_of(tuning: Tuning) -> str:
    """Say how far a run is, or why it went no further."""
    last = tuning.last
    if tuning.state == "finished":
        return ""
    if tuning.state == "failed":
        return tuning.message
    if tuning.state == "cut off":
        return (
            "The training was cut off: its process is gone. Its last good weights are safe. "
            "Press Go on to train on from there."
        )
    if tuning.stopping:
        return "Stopping with the best weights so far…"
    if tuning.started is None:
        return "Starting…"
    if tuning.paused:
        return "Paused; its budget waits with it."
    if last is None:
        return "Training…"
    return f"Step {last.step} · loss {last.loss:.3f} · {time_left(last.seconds_left)}"


def result_of(tuning: Tuning) -> str:
    """Give the scores, before and after once it has ended, as rich text; "" if there are none."""
    finished = tuning.finished
    if finished is None:
        if tuning.dices and tuning.state in ("starting", "running"):
            return f"Held-out Dice now: {dice_words(tuning.dices[-1][1])}"
        return ""
    ended = "Stopped" if finished.reason == "stopped" else "Finished"
    lines = [f"<b>{ended} after {finished.step} steps.</b>"]
    if finished.changes:
        lines.append(_table(finished.changes))
    elif finished.after:
        lines.append(f"Held-out Dice: <b>{dice_words(finished.after)}</b>")
    if finished.improved is False:
        lines.append("It did not rise, so the model holds the weights that it started from.")
    return "<br>".join(lines).replace("</table><br>", "</table>")


def dice_words(dice: dict[str, float]) -> str:
    """Name each class with its Dice."""
    return ", ".join(f"{name} {value:.3f}" for name, value in dice.items())


def _table(changes: tuple[ScoreChange, ...]) -> str:
    rows = "".join(
        f"<tr><td>{escape(one.class_name)}</td>"
        f"<td>{_cell(one.before, one.before_interval)}</td>"
        f"<td>{_cell(one.after, one.after_interval)}</td>"
        f"<td>{_cell(one.after - one.before, one.change_interval, '+')}</td></tr>"
        for one in changes
    )
    titles = ("", "before", "after", "change")
    head = "".join(f"<td>{title}</td>" for title in titles)
    cells = f"<tr>{head}</tr>{rows}".replace("<td>", _CELL)
    return f"<table>{cells}</table>{_of(changes[0])}"


def _cell(value: float, interval: tuple[float, float] | None, sign: str = "") -> str:
    text = f"<b>{value:{sign}.3f}</b>"
    if interval is not None:
        text += f"<br><small>{interval[0]:{sign}.2f} to {interval[1]:{sign}.2f}</small>"
    return text


def _of(change: ScoreChange) -> str:
    if change.change_interval is None:
        of = change.of.removesuffix("s")
        return f"<small>Dice of one held-out {of}: chance may have a hand in it.</small>"
    text = f"Mean Dice on {change.n} held-out {change.of}, with 95 % intervals"
    if change.of in ("frames", "slices"):
        text += "; of one recording, so that others may differ more"
    return f"<small>{text}.</small>"
