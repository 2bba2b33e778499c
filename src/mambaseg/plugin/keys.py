"""The keys, which a user can change in napari's Preferences.

Their table is the manifest: a group "keys_..." under `configurations` is a heading, and each of
its properties a key, known here as "group.name", such as "correct.verify". A new key is an entry
there and one line here: `bind`, or `add_shortcut` for one that works while a panel is in front.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app_model.backends.qt import qkeysequence2modelkeybinding
from qtpy.compat import isalive
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QPushButton, QWidget

from mambaseg.plugin.parts import button
from mambaseg.plugin.preferences import offered, preferences

__all__ = ["Key", "add_shortcut", "all_keys", "bind", "explain", "key_button", "key_text"]

_PREFIX = "keys_"


@dataclass(frozen=True)
class Key:
    """A key of the table.

    Parameters
    ----------
    name : str
        Such as "correct.verify".
    heading : str
        Where it works, as part of a sentence.
    title, text : str
        What it does, in short and in a sentence.
    default : str
        Unless the user has chosen another one.
    """

    name: str
    heading: str
    title: str
    text: str
    default: str

    @property
    def sequence(self) -> QKeySequence:
        """The key that is pressed; empty where the user wants none, the default if it is none."""
        group, name = self.name.split(".")
        chosen = str(preferences.get(_PREFIX + group, name)).strip()
        sequence = QKeySequence(chosen)
        one = sequence.count() == 1 and bool(sequence.toString())
        return sequence if one or not chosen else QKeySequence(self.default)


def all_keys() -> list[Key]:
    """Give the table, in its order."""
    return [
        Key(
            f"{group.removeprefix(_PREFIX)}.{name}",
            contribution.title.removeprefix("Keys: "),
            entry.title,
            entry.description or "",
            entry.default,
        )
        for group, contribution in offered().items()
        if group.startswith(_PREFIX)
        for name, entry in contribution.properties.items()
    ]


def _key(name: str) -> Key:
    return next(key for key in all_keys() if key.name == name)


def key_text(name: str) -> str:
    """Say a key as it stands on this system's keyboard; "" where the user wants none."""
    return _key(name).sequence.toString(QKeySequence.SequenceFormat.NativeText)


_bound: weakref.WeakKeyDictionary[Any, dict[str, tuple[Any, Callable[[Any], Any]]]]
_bound = weakref.WeakKeyDictionary()
_shortcuts: weakref.WeakKeyDictionary[QShortcut, str] = weakref.WeakKeyDictionary()
_explained: weakref.WeakKeyDictionary[QWidget, tuple[str, str]] = weakref.WeakKeyDictionary()


def bind(target: Any, name: str, act: Callable[[Any], Any]) -> None:
    """Have a key do something on a layer or a viewer, also once it is another key.

    Parameters
    ----------
    target : napari layer or viewer
        Where it works; `act` is given it.
    name : str
        Of the key.
    act : callable
        What it does. It must hold neither the target nor its viewer, which
        would then never be freed.
    """
    keys = _bound.setdefault(target, {})
    keys[name] = (_press(target, name, act), act)


def _press(target: Any, name: str, act: Callable[[Any], Any]) -> Any:
    sequence = _key(name).sequence
    if not sequence.count():
        return None
    binding = qkeysequence2modelkeybinding(sequence)
    target.bind_key(binding, act, overwrite=True)
    return binding


def add_shortcut(panel: QWidget, name: str, act: Callable[[], Any]) -> None:
    """Have a key do something while a panel is in front."""
    shortcut = QShortcut(_key(name).sequence, panel)
    shortcut.activated.connect(act)
    _shortcuts[shortcut] = name


def explain(widget: QWidget, name: str, text: str = "") -> None:
    """Give a control the tooltip of a key: what it does, and which key it is now.

    Parameters
    ----------
    widget : QWidget
        Does what the key does.
    name : str
        Of the key.
    text : str
        Instead of the table's own sentence.
    """
    _explained[widget] = (name, text)
    key = _key(name)
    pressed = key_text(name)
    ending = f" ({pressed}, {key.heading})" if pressed else ""
    widget.setToolTip(f"{text or key.text}{ending}")


def key_button(text: str, name: str, clicked: Callable[[], Any], tooltip: str = "") -> QPushButton:
    """Make a button that does what a key does, with the key's tooltip."""
    made = button(text, "", clicked)
    explain(made, name, tooltip)
    return made


def _renew() -> None:
    """Follow the Preferences; keys may have changed places, so that all are freed first."""
    for target, keys in _bound.items():
        for binding, _ in keys.values():
            if binding is not None:
                target.bind_key(binding, None, overwrite=True)
        for name, (_, act) in keys.items():
            keys[name] = (_press(target, name, act), act)
    for shortcut, name in _shortcuts.items():
        if isalive(shortcut):
            shortcut.setKey(_key(name).sequence)
    for widget, (name, text) in list(_explained.items()):
        if isalive(widget):
            explain(widget, name, text)


preferences.changed.connect(_renew)
