"""What is asked about a foreign checkpoint before it becomes a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mambaseg.types.trained_model import TrainedModel
from mambaseg.zoo import is_model, load_model

if TYPE_CHECKING:
    from mambaseg.zoo import ImportedCheckpoint

__all__ = ["ImportChoices", "open_model"]


@dataclass(frozen=True)
class ImportChoices:
    """Choices for an import; None leaves them to what the file says.

    Parameters
    ----------
    network : str or None
        The network that it fills.
    name : str or None
        What the model is called.
    labels : tuple of str or None
        Names of its classes.
    new_head : bool
        Whether another number of classes may be named than the file has.
    """

    network: str | None = None
    name: str | None = None
    labels: tuple[str, ...] | None = None
    new_head: bool = False

    def convert(self, path: Path) -> ImportedCheckpoint:
        """Read and convert a checkpoint; raises as `mambaseg.zoo.import_checkpoint`."""
        from mambaseg.zoo import convert_checkpoint

        return convert_checkpoint(
            path,
            network=self.network,
            name=self.name,
            labels=self.labels,
            new_head=self.new_head,
        )


def open_model(path: Path) -> TrainedModel | ImportedCheckpoint:
    """Read a trained model, or convert a foreign checkpoint.

    Raises
    ------
    MambasegError
        As `load_model` and `mambaseg.zoo.import_checkpoint`.
    """
    return load_model(path) if is_model(path) else ImportChoices().convert(path)
