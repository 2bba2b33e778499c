"""The shell: `mambaseg COMMAND`."""
