"""A task of the table: its data and settings, which all its networks share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mambaseg.types.training_config import TrainingConfig

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Task:
    """What one table is about.

    Parameters
    ----------
    name, title : str
        Of its file, and for people.
    networks : tuple of str
        The rows.
    """

    name: str
    title: str
    networks: tuple[str, ...]
    _content: dict[str, Any]

    @classmethod
    def read(cls, name: str) -> Task:
        content = yaml.safe_load((HERE / f"{name}.yaml").read_text(encoding="utf-8"))
        return cls(name, content["title"], tuple(content["networks"]), content)

    def config(self, network: str, seed: int, steps: int) -> TrainingConfig:
        """What `mambaseg train` is given for one cell."""
        shared = self._content["config"]
        recipe = {**shared["recipe"], **self._content["networks"][network]}
        return TrainingConfig.model_validate(
            {**shared, "name": network, "recipe": recipe, "seed": seed, "budget": {"steps": steps}}
        )


def task_names() -> list[str]:
    """The files of this folder."""
    return sorted(file.stem for file in HERE.glob("*.yaml"))
