"""The shell: `mambaseg segment | models | info | demo | train`."""
