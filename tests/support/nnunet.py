"""What nnU-Net v2's `verify_dataset_integrity` asks of a raw data set, read from its documentation.

nnU-Net itself is no dependency of the tests; this reads the files with SimpleITK, as it does. It
asks all that nnU-Net 2.8.1 asks, and closer: equal origins and directions, which nnU-Net only warns
of, within 1e-6.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813


def check_raw_dataset(folder: Path) -> None:
    content = json.loads((folder / "dataset.json").read_text())
    labels = content["labels"]
    assert labels["background"] == 0
    assert sorted(labels.values()) == list(range(len(labels)))
    assert labels["ignore"] == max(labels.values())
    assert list(content["channel_names"]) == [str(i) for i in range(len(content["channel_names"]))]
    assert len(content["dataset"]) == content["numTraining"]
    assert content["file_ending"] == ".nrrd"
    for case, files in content["dataset"].items():
        assert files["label"] == f"labelsTr/{case}.nrrd"
        names = [f"imagesTr/{case}_{int(i):04d}.nrrd" for i in content["channel_names"]]
        assert files["images"] == names
        mask = sitk.ReadImage(folder / files["label"])
        assert set(np.unique(sitk.GetArrayFromImage(mask))) <= set(labels.values())
        for name in names:
            image = sitk.ReadImage(folder / name)
            assert image.GetDimension() == 3
            assert image.GetSize() == mask.GetSize()
            for get in ("GetSpacing", "GetOrigin", "GetDirection"):
                np.testing.assert_allclose(getattr(image, get)(), getattr(mask, get)(), rtol=1e-6)
            assert np.isfinite(sitk.GetArrayFromImage(image)).all()
