"""What a user has chosen about kept work: where it lies, and for how long."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from platformdirs import user_config_path, user_data_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mambaseg.files import write_whole
from mambaseg.types.errors import InvalidConfigError

__all__ = ["KeepingSettings", "corrections_folder", "default_folder"]


def default_folder() -> Path:
    """Folder for kept work unless another one is chosen."""
    return user_data_path("mambaseg", appauthor=False) / "corrections"


class KeepingSettings(BaseModel):
    """Where kept work lies, and for how long; the panels and the shell read the same.

    Parameters
    ----------
    folder : Path or None
        None: `default_folder`.
    keep_days : int
        Journals that were not changed for this long are removed; 0 keeps them for good.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    format_version: Literal[1] = 1
    folder: Path | None = None
    keep_days: int = Field(default=180, ge=0)

    @staticmethod
    def file() -> Path:
        """Where the choices lie."""
        return user_config_path("mambaseg", appauthor=False) / "keeping.json"

    @classmethod
    def read(cls) -> KeepingSettings:
        """Read the choices; those that ship where there are none.

        Raises
        ------
        InvalidConfigError
            If their file cannot be read.
        """
        try:
            return cls.model_validate_json(cls.file().read_bytes())
        except FileNotFoundError:
            return cls()
        except (OSError, ValidationError) as error:
            raise InvalidConfigError(
                f"{cls.file()} does not say where kept work lies in a way that this mambaseg "
                "reads: mend it, or remove it to go back to the standard folder."
            ) from error

    def write(self) -> None:
        """Keep the choices; raises OutputError."""
        with write_whole(self.file()) as temporary:
            temporary.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def corrections_folder() -> Path:
    """Folder in which a user's stores and journals lie; it may not exist yet.

    nnU-Net uses the stores where its variable nnUNet_raw names this folder.
    """
    return KeepingSettings.read().folder or default_folder()
