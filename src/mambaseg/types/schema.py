"""What all our validated file formats share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from mambaseg.types.errors import InvalidConfigError

__all__ = ["Schema", "VersionedSchema"]


class Schema(BaseModel):
    """Frozen and strict about unknown fields, so that a typing error is not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class VersionedSchema(Schema):
    """A format of ours that lies in files and says its version.

    A format that has changed raises `newest_version` and the default of
    `format_version`, and migrates older content in a validator.
    """

    newest_version: ClassVar[int] = 1

    format_version: int = 1

    @field_validator("format_version")
    @classmethod
    def _known(cls, version: int) -> int:
        if version != cls.newest_version:
            raise ValueError(f"must be {cls.newest_version}")
        return version

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Read it from YAML.

        Raises
        ------
        InvalidConfigError
            If the file is missing, no YAML, or does not fit.
        """
        import yaml  # most never read a file

        file = Path(path)
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise InvalidConfigError(
                f"Cannot read {file}: {error.strerror}. Check the path."
            ) from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())
            raise InvalidConfigError(f"{file} is not YAML: {reason}. Mend it there.") from error
        return cls.parse(content, str(file))

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
        if isinstance(version, int) and version > cls.newest_version:
            raise InvalidConfigError(
                f"{source} has format version {version}, but this mambaseg knows "
                f"{cls.newest_version} at most: update mambaseg to read it."
            )
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the whole"
            count = error.error_count()
            more = f" ({count} such places in all)" if count > 1 else ""
            raise InvalidConfigError(
                f"{source} is not a valid {cls.__name__}: {place}: {first['msg']}{more}. "
                "Mend it there."
            ) from error
