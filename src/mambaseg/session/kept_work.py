"""What there is to restore of an image, looked for in the background."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mambaseg.corrections import (
    KeepingSettings,
    Kept,
    KeptWork,
    image_key,
    journals_folder,
    list_kept_work,
    purge_journals,
    purge_stores,
    read_journal,
    remove_old_journals,
)
from mambaseg.corrections.journal import is_open
from mambaseg.corrections.journals import list_journals
from mambaseg.session.worker import Task, Worker
from mambaseg.types import MedicalImage
from mambaseg.types.errors import MambasegError, OutputError

__all__ = ["Findings", "find_kept_work", "purge_image", "read_kept"]


@dataclass(frozen=True)
class Findings:
    """What is kept of an image.

    Parameters
    ----------
    key : str
        `image_key` of the image.
    work : list of KeptWork
        What can be restored, the newest first; masks that were removed by hand come last.
    elsewhere : list of KeptWork
        What other viewers have open now.
    problems : list of str
        Why other journals of it cannot be restored.
    """

    key: str
    work: list[KeptWork]
    elsewhere: list[KeptWork]
    problems: list[str]


def find_kept_work(
    worker: Worker,
    image: MedicalImage,
    done: Callable[[Findings], None],
    failed: Callable[[Exception], object],
) -> None:
    """Look for the journals of an image; one of the two is told."""

    def work(task: Task) -> Findings:
        key = image_key(image)
        task.check()
        kept: list[KeptWork] = []
        try:
            remove_old_journals(KeepingSettings.read().keep_days)
            kept, problems = list_kept_work(key)
        except (MambasegError, OSError) as error:  # new work can be kept all the same
            problems = [str(error)]
        free = [one for one in kept if (one.n_steps or one.damage) and not one.open]
        return Findings(
            key,
            sorted(free, key=lambda one: one.removed),
            [one for one in kept if one.open],
            problems,
        )

    worker.submit(work, done, failed)


def read_kept(
    worker: Worker,
    work: KeptWork,
    done: Callable[[Kept], None],
    failed: Callable[[Exception], object],
) -> None:
    """Read a journal to restore it; one of the two is told."""
    worker.submit(lambda task: read_journal(work.path, work.head.image), done, failed)


def purge_image(
    worker: Worker,
    image: MedicalImage,
    done: Callable[[str], None],
    failed: Callable[[Exception], object],
) -> None:
    """Remove all that is kept of an image: journals that are not open, and its cases in stores.

    `failed` is told where something could not be removed.
    """

    def work(task: Task) -> str:
        key, name = image_key(image), image.source or "this image"
        n_journals = purge_journals(key, journals_folder())
        n_stores, problems = purge_stores(image)
        problems += [f"Not removed: {path}." for path in list_journals(key) if not is_open(path)]
        if problems:
            raise OutputError(f"Something of {name} is still kept. {' '.join(problems)}")
        return (
            f"Removed {n_journals} journal{'s' * (n_journals != 1)} and {n_stores} verified "
            f"clip{'s' * (n_stores != 1)} of {name}."
        )

    worker.submit(work, done, failed, lasting=True)
