"""A fine-tuning in words: how it goes, and what came of it."""

from __future__ import annotations

from html import escape

from mambaseg.session import Tuning, time_left
from mambaseg.training.events import dice_words, loss_words
from mambaseg.training.score_changes import ScoreChange

__all__ = ["result_of", "status_of"]

_CELL = '<td style="padding-right: 8px; white-space: nowrap">'


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
    return f"Step {last.step} · {loss_words(last.loss)} · {time_left(last.seconds_left)}"


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


def _table(changes: tuple[ScoreChange, ...]) -> str:
    rows = "".join(
        f'<tr><td style="padding-right: 8px">{escape(one.class_name)}</td>'
        + _cell(f"{one.before:.3f}", one.before_interval, ".2f")
        + _cell(f"{one.after:.3f}", one.after_interval, ".2f")
        + _cell(f"{one.after - one.before:+.3f}", one.change_interval, "+.3f")
        + "</tr>"
        for one in changes
    )
    head = "".join(f"{_CELL}{title}</td>" for title in ("", "before", "after", "change"))
    return f"<table><tr>{head}</tr>{rows}</table>{_of(changes[0])}"


def _cell(value: str, interval: tuple[float, float] | None, form: str) -> str:
    text = f"{_CELL}<b>{value}</b>"
    if interval is not None:
        text += f"<br><small>{interval[0]:{form}} to {interval[1]:{form}}</small>"
    return f"{text}</td>"


def _of(change: ScoreChange) -> str:
    if change.change_interval is None:
        of = change.of.removesuffix("s")
        return f"<small>Dice of one held-out {of}: chance may have a hand in it.</small>"
    text = f"Mean Dice on {change.n} held-out {change.of}, with 95 % intervals"
    if change.of in ("frames", "slices"):
        text += "; of one recording, so that others may differ more"
    return f"<small>{text}.</small>"
