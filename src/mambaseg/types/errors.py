"""The errors that mambaseg raises for a user's input.

Each message is one sentence or two that name the file or layer, what was found,
what was expected and what to do next. The shell prints it on one line and ends
with exit code 2; the napari panels show it as a notification.
"""

from __future__ import annotations


class MambasegError(Exception):
    """Base of every error whose message is meant for the user."""


class UnreadableImageError(MambasegError):
    """A file is missing, empty, truncated, or not what its name says."""


class UnsupportedImageError(MambasegError):
    """A file was read, but holds something that the request cannot use."""


class MismatchError(UnsupportedImageError):
    """Masks, or a mask and an image, do not lie on one grid."""


class InvalidAnnotationError(MambasegError):
    """A file of drawn labels does not fit its form or its image."""


class InvalidConfigError(MambasegError):
    """A recipe or training configuration does not fit its schema."""


class InvalidOptionError(MambasegError):
    """A choice, such as a range of frames or an overlay's style, is not possible."""


class UnknownNameError(MambasegError):
    """A model, network or sample of that name does not exist."""


class IncompatibleWeightsError(MambasegError):
    """Weights do not fit the network or Recipe that they are meant for."""


class OutputError(MambasegError):
    """A result could not be written where it was asked for."""


class OutOfMemoryError(MambasegError):
    """A device ran out of memory."""


class EngineLostError(MambasegError):
    """The process that segments ended in the middle of its work, or could not begin."""


class DeviceLostError(MambasegError):
    """A device that computed has failed."""


class StoreError(MambasegError):
    """A store of corrections is damaged, or does not take or hold what was asked for."""


class TrainingError(MambasegError):
    """A training run could not begin or go on."""


class Cancelled(MambasegError):  # noqa: N818 - not an error
    """The user cancelled the work."""


class DataSetError(MambasegError):
    """A folder is no data set of a known layout, or its images and masks do not fit together."""
