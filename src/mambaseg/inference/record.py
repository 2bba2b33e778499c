"""What a run did: enough to do it again."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from mambaseg.inference.rungs import Rung
from mambaseg.types.schema import VersionedSchema

__all__ = ["RunRecord"]


class RunRecord(VersionedSchema):
    """The account of one segmentation, without data of the patient.

    Parameters
    ----------
    model : str
        Name of the TrainedModel.
    weights_sha256 : str
        SHA-256 of its file, in hexadecimal.
    versions : dict of str to str
        Version of each package that took part.
    device, backend, precision : str
        What computed, and how.
    choices : dict
        Frames, windows, overlap and other choices of the run.
    adapted : tuple of str
        The rungs that the engine stepped down, in order.
    seconds : dict of str to float
        Per stage.
    created : str
        UTC time in ISO 8601.
    """

    model: str
    weights_sha256: str
    versions: dict[str, str]
    device: str
    backend: str
    precision: str
    choices: dict[str, Any] = Field(default_factory=dict)
    adapted: tuple[Rung, ...] = ()
    seconds: dict[str, float] = Field(default_factory=dict)
    created: str = ""
