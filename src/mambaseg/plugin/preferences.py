"""What a user has chosen in napari's Preferences, and what the manifest offers there."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from npe2 import PluginManifest
from npe2.manifest.contributions import ConfigurationContribution
from psygnal import Signal

__all__ = ["Preferences", "offered", "preferences"]


@cache
def offered() -> dict[str, ConfigurationContribution]:
    """Give the groups of what can be chosen, by name, as the manifest has them."""
    manifest = PluginManifest.from_file(Path(__file__).with_name("napari.yaml"))
    return dict(manifest.contributions.configurations or {})


class Preferences:
    """The choices; where napari keeps none for plugins, those of the manifest.

    Use `preferences`, the only one.
    """

    changed = Signal()

    def __init__(self) -> None:
        self._heard: Any = None

    def get(self, group: str, name: str) -> Any:
        """Give a choice; call it in Qt's thread."""
        kept = self._kept()
        if kept is None:
            return offered()[group].properties[name].default
        return getattr(getattr(kept, group), name)

    def set(self, group: str, name: str, value: Any) -> None:
        """Make a choice, which napari keeps on disk."""
        kept = self._kept()
        if kept is not None:
            setattr(getattr(kept, group), name, value)

    def _kept(self) -> Any:
        """Give napari's own record, whose changes are told from then on."""
        try:
            from napari.settings import get_plugin_settings

            kept = get_plugin_settings("mambaseg")
        except (ImportError, KeyError):  # an older napari, or one that does not know us
            return None
        if kept is not self._heard:
            self._heard = kept
            kept.events.changed.connect(self._tell)
        return kept

    def _tell(self, event: object) -> None:
        self.changed.emit()


preferences = Preferences()
