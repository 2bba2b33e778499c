"""The journals of one user: which there are of an image, and how they go."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mambaseg.corrections.journal import is_open
from mambaseg.corrections.journal_file import read_journal
from mambaseg.corrections.journal_head import JournalHead
from mambaseg.corrections.settings import corrections_folder, default_folder
from mambaseg.files import clear_leftovers
from mambaseg.types.errors import InvalidConfigError, MambasegError

__all__ = [
    "KeptWork",
    "journals_folder",
    "list_journals",
    "list_kept_work",
    "purge_journals",
    "remove_old_journals",
]

_DAY_S = 86_400


def journals_folder() -> Path:
    """Folder in which a user's journals lie, one folder per image.

    It is in the standard place where the settings cannot be read: what is drawn is kept anyway.
    """
    try:
        root = corrections_folder()
    except InvalidConfigError:
        root = default_folder()
    return root / "journals"


@dataclass(frozen=True)
class KeptWork:
    """A journal on disk, in a few words.

    Parameters
    ----------
    path : Path
        Its file.
    head : JournalHead
        Whose mask it is.
    n_steps : int
        Steps that can be undone.
    changed : float
        Time of the last change, in seconds since 1970.
    n_bytes : int
        Size of the file.
    open : bool
        Whether a viewer has it open.
    removed : bool
        Whether the mask's layer was removed by hand.
    damage : str
        What of it was lost, in a sentence; empty if nothing was.
    """

    path: Path
    head: JournalHead
    n_steps: int
    changed: float
    n_bytes: int
    open: bool
    removed: bool
    damage: str = ""


def list_journals(image: str | None = None, folder: Path | None = None) -> list[Path]:
    """Files of the journals of an image, or of all, those changed last first."""
    root = journals_folder() if folder is None else folder
    found = root.glob(f"{image or '*'}/[!.]*.journal")  # not what a kill has left of others
    return sorted(found, key=lambda path: _changed_and_size(path)[0], reverse=True)


def list_kept_work(
    image: str | None = None, folder: Path | None = None
) -> tuple[list[KeptWork], list[str]]:
    """Read the journals of an image, or of all, for what they say of themselves.

    Returns
    -------
    kept : list of KeptWork
        Those that can be restored, the one that was changed last first.
    problems : list of str
        Why others cannot.
    """
    kept, problems = [], []
    for path in list_journals(image, folder):
        try:
            content = read_journal(path, image)
        except MambasegError as error:
            problems.append(str(error))
            continue
        history = content.history
        steps = {change.step for change in history.changes}
        kinds = [event.kind for event in history.events if event.kind != "moved"]
        work = KeptWork(
            *(path, content.head, len(steps), *_changed_and_size(path)),
            *(is_open(path), kinds[-1:] == ["removed"], content.damage),
        )
        kept.append(work)
    return kept, problems


def purge_journals(image: str, folder: Path | None = None) -> int:
    """Remove all journals of an image that no viewer has open; gives how many went."""
    _clear_leftovers(image, folder)
    return sum(map(_remove, list_journals(image, folder)))


def remove_old_journals(keep_days: int, folder: Path | None = None) -> int:
    """Remove journals that were not changed for some days, 0 for none; gives how many went."""
    _clear_leftovers("*", folder)
    limit = time.time() - keep_days * _DAY_S
    found = list_journals(folder=folder) if keep_days else []
    return sum(_remove(path) for path in found if _changed_and_size(path)[0] < limit)


def _clear_leftovers(image: str, folder: Path | None) -> None:
    root = journals_folder() if folder is None else folder
    for leftover in root.glob(f"{image}/.partial-*.journal"):
        journal = leftover.with_name(leftover.name.split("-", 2)[2])
        if not is_open(journal):
            clear_leftovers(journal)


def _remove(path: Path) -> bool:
    if is_open(path):
        return False
    with suppress(OSError):
        path.unlink()
        path.with_suffix(".lock").unlink(missing_ok=True)
        path.parent.rmdir()  # if it was the last of its image
    return not path.exists()


def _changed_and_size(path: Path) -> tuple[float, int]:
    with suppress(OSError):  # another viewer may remove it
        found = path.stat()
        return found.st_mtime, found.st_size
    return 0.0, 0
