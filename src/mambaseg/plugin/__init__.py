"""What napari shows of mambaseg; the only room that imports napari and Qt."""
