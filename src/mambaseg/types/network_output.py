"""How a network's logits are read."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mambaseg.types.schema import Schema

__all__ = ["NetworkOutput", "Region", "Regions", "Sigmoid", "Softmax"]


class Softmax(Schema):
    """The background and all classes share one distribution; the most probable one wins."""

    form: Literal["softmax"] = "softmax"


class Sigmoid(Schema):
    """Each class has a probability of its own; the most probable one wins.

    Parameters
    ----------
    threshold : float
        Least probability of a class; below it is background.
    """

    form: Literal["sigmoid"] = "sigmoid"
    threshold: float = Field(default=0.5, gt=0, lt=1)


class Region(Schema):
    """Several classes that a network sees as one.

    Parameters
    ----------
    name : str
        For example "whole tumour".
    classes : tuple of int
        Values of the classes that it is made of.
    value : int
        The class that it becomes where no later region overwrites it.
    """

    name: str
    classes: tuple[int, ...] = Field(min_length=1)
    value: int

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.value not in self.classes:
            raise ValueError(f"value {self.value} must be one of the classes {self.classes}")
        return self


class Regions(Schema):
    """Regions that may overlap, each with a probability of its own.

    Parameters
    ----------
    regions : tuple of Region
        In the order of the network's channels.
    painted : tuple of str
        Their names in the order in which they are painted, later ones over
        earlier ones; nnU-Net's `regions_class_order`.
    threshold : float
        Least probability of a region.
    """

    form: Literal["regions"] = "regions"
    regions: tuple[Region, ...] = Field(min_length=1)
    painted: tuple[str, ...]
    threshold: float = Field(default=0.5, gt=0, lt=1)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if sorted(self.painted) != sorted({region.name for region in self.regions}):
            raise ValueError("painted must name each region once")
        return self


NetworkOutput = Annotated[Softmax | Sigmoid | Regions, Field(discriminator="form")]
