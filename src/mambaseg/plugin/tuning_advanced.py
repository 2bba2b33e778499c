"""How much of the old a fine-tuning is to keep: choices that most can leave alone."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QSpinBox, QVBoxLayout, QWidget

from mambaseg.plugin.fold import Fold
from mambaseg.plugin.parts import Note, form
from mambaseg.types.finetuning_config import replay_refusal
from mambaseg.types.optimization import Trained
from mambaseg.types.trained_model import TrainedModel

__all__ = ["TuningAdvanced"]

_REPLAY = (
    "Part of the samples that are frames that nobody verified, with what the model is sure of "
    "there, so that it forgets less of what it knew (%); 0: none"
)


class TuningAdvanced(QWidget):
    """Which weights change, how much towards the input, and what is replayed; folded up at first.

    Attributes
    ----------
    trains : QComboBox
    layer_decay : QDoubleSpinBox
    replay : QSpinBox
        In percent.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trains = QComboBox()
        self.trains.addItem("all weights", "all")
        self.trains.addItem("the decoder alone", "decoder")
        self.trains.setToolTip(
            "All weights learn most; the decoder alone is faster, and forgets less of the old data"
        )
        self.layer_decay = QDoubleSpinBox()
        self.layer_decay.setRange(0.1, 1.0)
        self.layer_decay.setSingleStep(0.05)
        self.layer_decay.setValue(1.0)
        self.layer_decay.setToolTip(
            "Rate of each level of the encoder, as a share of the next deeper one's: below 1, "
            "levels near the input change less and forget less; 1: all alike"
        )
        self.replay = QSpinBox()
        self.replay.setRange(0, 90)
        self.replay.setSingleStep(5)
        self.replay.setSuffix(" %")
        self.replay.setToolTip(_REPLAY)
        self.about_replay = Note()
        fields = QWidget()
        inner = QVBoxLayout(fields)
        inner.addLayout(
            form(
                [
                    ("Change", self.trains),
                    ("Layer decay", self.layer_decay),
                    ("Replay", self.replay),
                ]
            )
        )
        inner.addWidget(self.about_replay)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.fold = Fold(
            "Advanced", fields, "Against forgetting: which weights change, and what is replayed"
        )
        layout.addWidget(self.fold)

    @property
    def chosen_trains(self) -> Trained:
        """Which weights change."""
        chosen: Trained = self.trains.currentData()
        return chosen

    @property
    def replayed(self) -> float:
        """Part of the samples that is replayed, 0 where the model allows none."""
        return self.replay.value() / 100 if self.replay.isEnabled() else 0.0

    def show_model(self, model: TrainedModel | None) -> None:
        """Offer what can be done with a model, and say what cannot."""
        refusal = replay_refusal(model.recipe) if model is not None else ""
        self.replay.setEnabled(not refusal)
        self.about_replay.setText(
            f"No replay: {refusal[0].lower()}{refusal[1:]}" if refusal else ""
        )
