"""A training from scratch on a folder, as a panel asks for it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from mambaseg.data.datasets import DataSet, open_dataset
from mambaseg.training import Run, list_recipes
from mambaseg.types.optimization import Budget
from mambaseg.types.schema import VersionedSchema

__all__ = ["FolderChoice", "NewTraining", "look_at_folder", "train_command"]


class NewTraining(VersionedSchema):
    """A training by a paper's recipe on a data set.

    Parameters
    ----------
    recipe : str
        Name of a shipped recipe.
    data : str
        Folder of the data set.
    small : bool
        Whether to take the small network, for few cases or a machine without a GPU.
    budget : Budget
    name : str
        Of the model that comes out.
    """

    recipe: str
    data: str
    small: bool = True
    budget: Budget
    name: str = Field(pattern=r"^\w[\w .+-]{0,79}$")


@dataclass(frozen=True)
class FolderChoice:
    """A data set to learn from, and the recipes that there are.

    Parameters
    ----------
    dataset : DataSet
    recipes : list of str
    """

    dataset: DataSet
    recipes: list[str]

    def __str__(self) -> str:
        found, classes = self.dataset, self.dataset.classes
        named = f", classes {', '.join(classes.values())}" if classes else ""
        text = f"{len(found.cases)} cases, {found.layout}{named}"
        return f"{text}. {found.incomplete[0]}." if found.incomplete else f"{text}."


def look_at_folder(path: Path) -> FolderChoice:
    """See what a folder holds to learn from.

    Raises
    ------
    DataSetError
        If it is no data set of a known layout.
    """
    return FolderChoice(open_dataset(path), list_recipes())


def train_command(wanted: NewTraining, run: str | os.PathLike[str]) -> list[str]:
    """Give the shell's command for a training, or to go on with it, to start as a process."""
    home = Run(run)
    command = [sys.executable, "-m", "mambaseg.cli", "train"]
    if home.state_file.exists():
        return [*command, "--resume", str(home.path)]
    command += ["--recipe", wanted.recipe, "--data", wanted.data, "--name", wanted.name]
    command += ["--small"] if wanted.small else []
    for name, value in wanted.budget.model_dump(exclude_none=True).items():
        command += [f"--{name}", str(value)]
    # In the end the run's best weights give way to the model with its scores.
    return [*command, "-o", str(home.model_file), "--run", str(home.path)]
