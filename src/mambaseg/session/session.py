"""The one thing that all panels of a viewer share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from mambaseg.service import (
    ChildProcessService,
    Deliver,
    Ready,
    SegmentationService,
    call_at_once,
)
from mambaseg.session.importing import ImportChoices, open_model
from mambaseg.session.lasting_thread import LastingThread
from mambaseg.session.worker import Task, Worker
from mambaseg.types.trained_model import TrainedModel
from mambaseg.zoo import defaults_first, list_models, load_model

if TYPE_CHECKING:
    from mambaseg.zoo import ImportedCheckpoint

__all__ = ["Session"]


class Session:
    """Workers and models of one viewer; it starts no thread before it has work.

    Parameters
    ----------
    deliver : Deliver
        How news reach the thread of the widgets.
    service : SegmentationService, optional
        Who segments; a process of its own unless given.
    memory_limit : int, optional
        Bytes that this process of its own may hold, as `ChildProcessService` takes them.

    Attributes
    ----------
    deliver : Deliver
        The same, until it has ended.
    service : SegmentationService
        Segments.
    files : Worker
        Reads files and draws previews, beside the service and never behind it.
    searches : Worker
        Looks for kept work and reads it; where its drive does not answer, nothing else waits.
    exports : Worker
        Writes and measures what takes long.
    editing : Worker
        Carries masks to other frames.
    learning : Worker
        Carries masks with the help of models that learn them first.
    corrections : Worker
        Reads and writes verified masks, in the order in which it was asked to.
    journals : LastingThread
        Writes down what happens to masks.
    models : list of TrainedModel or None
        Those that are known; None until they were read.
    ready : Ready or None
        What can compute; None until it is known.
    closed : bool
        Whether it has ended; nothing is told any more then.

    Signals
    -------
    closing
        It ends: what masks hold has to be told to their journals now.
    models_changed
        `models` are others.
    default_changed
        Another model is the default: this one.
    ready_changed
        `ready` is known.
    verified_changed
        What is on disk of verified masks is another.
    """

    closing = Signal()
    models_changed = Signal()
    default_changed = Signal(object)
    ready_changed = Signal()
    verified_changed = Signal()

    def __init__(
        self,
        deliver: Deliver = call_at_once,
        service: SegmentationService | None = None,
        memory_limit: int | None = None,
    ) -> None:
        self.closed = False

        def while_open(function: Callable[[], None]) -> None:
            deliver(lambda: None if self.closed else function())

        self.deliver: Deliver = while_open
        self.service = service or ChildProcessService(while_open, memory_limit)
        self.files = Worker("mambaseg-files", while_open)
        self.searches = Worker("mambaseg-searches", while_open)
        self.exports = Worker("mambaseg-exports", while_open)
        self.editing = Worker("mambaseg-editing", while_open)
        self.learning = Worker("mambaseg-learning", while_open)
        self.corrections = Worker("mambaseg-corrections", while_open)
        self.journals = LastingThread("mambaseg-journals", while_open)
        self.models: list[TrainedModel] | None = None
        self.ready: Ready | None = None
        self._listed = self._asked = False

    def list_models(self) -> None:
        """Have the models listed, once."""
        if not self._listed:
            self._listed = True
            self.files.submit(
                lambda task: defaults_first(list_models()), self._set_models, self._no_models
            )

    def relist_models(self, default: TrainedModel | None = None) -> None:
        """Have the models listed again, after one was kept or the default has changed.

        Parameters
        ----------
        default : TrainedModel or None
            What has become the default; `default_changed` tells it once it is listed.
        """

        def work(task: Task) -> list[TrainedModel]:
            listed = list_models()
            known = {model.sha256 for model in listed}
            others = [model for model in self.models or [] if model.sha256 not in known]
            elsewhere = [model for model in others if model.path.is_file()]
            return defaults_first([*listed, *elsewhere])

        def show(models: list[TrainedModel]) -> None:
            self._set_models(models)
            if default is not None:
                self.default_changed.emit(default)

        self.files.submit(work, show, self._no_models)

    def prepare(self) -> None:
        """Have the models listed and the engine loaded, once."""
        self.list_models()
        if not self._asked:
            self._asked = True
            self.service.prepare(self._set_ready)

    def add_model(
        self,
        path: Path,
        done: Callable[[TrainedModel], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Read a model's file and add it to the list; one of the two is told."""
        self.files.submit(lambda task: load_model(path), self._adding(done), failed)

    def add_file(
        self,
        path: Path,
        done: Callable[[TrainedModel], None],
        foreign: Callable[[ImportedCheckpoint], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Read a file that may be a model of ours, which is added, or a foreign checkpoint.

        The checkpoint is converted, for `add_imported` once its user has looked at it.
        """
        add = self._adding(done)

        def opened(found: TrainedModel | ImportedCheckpoint) -> None:
            if isinstance(found, TrainedModel):
                add(found)
            else:
                foreign(found)

        self.files.submit(lambda task: open_model(path), opened, failed)

    def convert(
        self,
        path: Path,
        choices: ImportChoices,
        done: Callable[[ImportedCheckpoint], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Convert a foreign checkpoint, to be looked at before it is added."""
        self.files.submit(lambda task: choices.convert(path), done, failed)

    def add_imported(
        self,
        found: ImportedCheckpoint,
        done: Callable[[TrainedModel], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Write a converted checkpoint among the user's models and add it to the list."""
        self.files.submit(lambda task: found.write(), self._adding(done), failed)

    def _adding(self, done: Callable[[TrainedModel], None]) -> Callable[[TrainedModel], None]:
        def add(model: TrainedModel) -> None:
            others = [known for known in self.models or [] if known.sha256 != model.sha256]
            self._set_models([*others, model])
            done(model)

        return add

    def close(self) -> None:
        """End the threads without waiting for them, and cancel all work.

        What a user has asked to keep is still written: masks' journals and verified masks.
        """
        if self.closed:
            return
        self.closed = True
        self.service.close()
        self.files.close()
        self.searches.close()
        self.exports.close()
        self.editing.close()
        self.learning.close()
        self.corrections.close()
        self.closing.emit()  # what masks hold is still told to their journals
        self.journals.close()

    def _set_models(self, models: list[TrainedModel]) -> None:
        self.models = models
        self.models_changed.emit()

    def _no_models(self, error: Exception) -> None:
        self._set_models([])
        raise error

    def _set_ready(self, ready: Ready) -> None:
        self.ready = ready
        self.ready_changed.emit()
