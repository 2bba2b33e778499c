"""Trained models on disk, and foreign checkpoints."""

from mambaseg.zoo.registry import list_models, load_model, user_models_folder
from mambaseg.zoo.storage import build_network, load_network, read_model, write_model

__all__ = [
    "build_network",
    "list_models",
    "load_model",
    "load_network",
    "read_model",
    "user_models_folder",
    "write_model",
]
