"""Measures as files: tables, and the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qtpy.QtWidgets import QFileDialog

from mambaseg.metrics import TABLE_SUFFIXES, Row, check_table, write_table
from mambaseg.session import Comparison, Measurement
from mambaseg.session.comparing import Compared, report_of
from mambaseg.session.measuring import report_layers
from mambaseg.types import MedicalImage

__all__ = ["Saving", "ask_measures_file"]

_REPORTS = (".html", ".htm")


@dataclass(frozen=True)
class Saving:
    """What is there to save.

    Parameters
    ----------
    found : Measurement
    compared : Compared or None
        Where files were measured.
    comparison : Comparison or None
        Where layers were.
    image : MedicalImage or None
        What the layers are of.
    name : str
        Of the mask that was judged.
    against : dict of str to Measurement
        Of a second mask that was judged by the same reference, by its name.
    """

    found: Measurement
    compared: Compared | None
    comparison: Comparison | None
    image: MedicalImage | None
    name: str
    against: dict[str, Measurement] = field(default_factory=dict)

    def write(self, path: Path) -> list[Path]:
        """Write a table, or the report, as the suffix says (none: CSV); of two models a table each.

        Returns
        -------
        list of Path
            What was written.

        Raises
        ------
        InvalidOptionError
            If the suffix is of no format.
        OutputError
            If it cannot be written.
        """
        path = path if path.suffix else path.with_suffix(".csv")
        if path.suffix.lower() in _REPORTS:
            self._report(path)
            return [path]
        check_table(path)
        layers = {self.name: self.found, **self.against}
        models: dict[str, Sequence[Row]] = {name: one.rows for name, one in layers.items()}
        if self.compared is not None:
            models = dict(self.compared.rows)
        written = []
        for model, rows in models.items():
            stem = f"{path.stem}_{Path(model).name}" if len(models) > 1 else path.stem
            written.append(path.with_stem(stem))
            write_table(list(rows), written[-1], {"prediction": model})
        return written

    def _report(self, path: Path) -> None:
        if self.compared is not None:
            measures = self.found.measures
            report_of(self.compared, path, "Dice" if "Dice" in measures else measures[0])
        elif self.comparison is not None:
            report_layers(self.found, self.comparison, self.image, self.name, path, self.against)


def ask_measures_file(dialog: QFileDialog) -> None:
    """Set a file dialog up for a table or a report."""
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    tables = " ".join(f"*{suffix}" for suffix in TABLE_SUFFIXES)
    dialog.setNameFilters([f"Tables ({tables})", "Report (*.html)"])
    dialog.setDefaultSuffix("csv")
    dialog.filterSelected.connect(
        lambda chosen: dialog.setDefaultSuffix("html" if "html" in chosen else "csv")
    )
    dialog.selectFile("metrics.csv")
