"""What is done to an image's intensities before a network sees them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from mambaseg.types.schema import Schema

__all__ = ["Intensity", "MinMax", "Scaled", "ZScore"]


class Scaled(Schema):
    """Brought to 0 to 1 by one grey window for the whole image, then standardised per channel.

    Parameters
    ----------
    mean, std : tuple of float
        One pair per channel; `mean` is taken away, and the rest divided by `std`.
    """

    rule: Literal["scaled"] = "scaled"
    mean: tuple[FiniteFloat, ...]
    std: tuple[FiniteFloat, ...]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if len(self.mean) != len(self.std):
            raise ValueError("channels, mean and std need one value per channel each")
        if min(self.std) <= 0:
            raise ValueError("std must be positive")
        return self


class MinMax(Schema):
    """Each picture's own least and greatest intensity, of all channels, become 0 and `highest`."""

    rule: Literal["min_max"] = "min_max"
    highest: float = Field(default=255.0, gt=0)


class ZScore(Schema):
    """Each channel of an image has its own mean taken away and is divided by its own spread.

    Parameters
    ----------
    over : {"all", "nonzero"}
        Which elements are measured and changed; where "nonzero", zeros stay zero.
    """

    rule: Literal["z_score"] = "z_score"
    over: Literal["all", "nonzero"] = "all"


Intensity = Annotated[Scaled | MinMax | ZScore, Field(discriminator="rule")]
