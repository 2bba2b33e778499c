#!/bin/sh
# Run a command with a display: the one that is there, else a virtual one, else none.
set -eu
if [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && command -v xvfb-run >/dev/null; then
    # Software rendering is the same everywhere, and all that a virtual display has.
    export LIBGL_ALWAYS_SOFTWARE=1
    exec xvfb-run -a "$@"
fi
exec "$@"
