"""Segment ultrasound and endoscopy videos, images and volumes with state-space networks."""

from importlib.metadata import version

__version__ = version("mambaseg")
