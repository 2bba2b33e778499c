"""Training, from the shell as from the plugin."""

from mambaseg.training.fit import read_config, train

__all__ = ["read_config", "train"]
