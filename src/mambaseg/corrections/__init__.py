"""Masks that a person has verified, kept as data to learn from."""

from mambaseg.corrections.library import corrections_folder, find_store
from mambaseg.corrections.store import FrameState, Store

__all__ = ["FrameState", "Store", "corrections_folder", "find_store"]
