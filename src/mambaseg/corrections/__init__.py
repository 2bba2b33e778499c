"""Work on masks that is never lost: journals of every change, and stores of verified masks."""

from mambaseg.corrections.archive import export_store, import_store
from mambaseg.corrections.dataset_file import content_digest
from mambaseg.corrections.differences import Piece
from mambaseg.corrections.history import Change, Event, History
from mambaseg.corrections.image_key import image_key
from mambaseg.corrections.journal import Journal
from mambaseg.corrections.journal_file import Kept, read_journal
from mambaseg.corrections.journal_head import JournalHead
from mambaseg.corrections.journals import (
    KeptWork,
    journals_folder,
    list_kept_work,
    purge_journals,
    remove_old_journals,
)
from mambaseg.corrections.library import find_store
from mambaseg.corrections.merging import Merge, merge_stores
from mambaseg.corrections.planes import MASK_DTYPES, Planes, as_planes
from mambaseg.corrections.provenance import plain
from mambaseg.corrections.purging import purge_stores
from mambaseg.corrections.settings import KeepingSettings, corrections_folder, default_folder
from mambaseg.corrections.store import FrameState, Store

__all__ = [
    "MASK_DTYPES",
    "Change",
    "Event",
    "FrameState",
    "History",
    "Journal",
    "JournalHead",
    "KeepingSettings",
    "Kept",
    "KeptWork",
    "Merge",
    "Piece",
    "Planes",
    "Store",
    "as_planes",
    "content_digest",
    "corrections_folder",
    "default_folder",
    "export_store",
    "find_store",
    "image_key",
    "import_store",
    "journals_folder",
    "list_kept_work",
    "merge_stores",
    "plain",
    "purge_journals",
    "purge_stores",
    "read_journal",
    "remove_old_journals",
]
