"""What all our validated file formats share."""

from __future__ import annotations

from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from mambaseg.types.errors import InvalidConfigError

__all__ = ["FORMAT_VERSION", "Schema", "VersionedSchema"]

FORMAT_VERSION: Final = 1


class Schema(BaseModel):
    """Frozen and strict about unknown fields, so that a typing error is not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class VersionedSchema(Schema):
    """A format of ours that lies in files and says its version."""

    format_version: Literal[1] = FORMAT_VERSION

    @classmethod
    def parse(cls, content: Any, source: str) -> Self:
        """Validate what a file held.

        Parameters
        ----------
        content : Any
            Plain dictionaries, lists, numbers and strings.
        source : str
            The file's name, for messages.

        Raises
        ------
        InvalidConfigError
            If the content does not fit, or is of a newer version.
        """
        version = content.get("format_version") if isinstance(content, dict) else None
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise InvalidConfigError(
                f"{source} has format version {version}, but this mambaseg knows "
                f"{FORMAT_VERSION} at most: update mambaseg to read it."
            )
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the whole"
            raise InvalidConfigError(
                f"{source} is not a valid {cls.__name__}: {place}: {first['msg']} "
                f"({error.error_count()} such places in all). Mend it there."
            ) from error
