#!/bin/sh
# Make a virtual environment with the newest Python that mambaseg is tested on; keep one that works.
set -eu
venv=$1
usable='import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'

if "$venv/bin/python" -c "$usable; import pip" 2>/dev/null; then
    exit 0
fi
for python in python3.13 python3.12 python3.11 python3; do
    # Running it is the only sure test: a name on the PATH may be a shim with nothing behind it.
    if "$python" -c "$usable" 2>/dev/null; then
        echo "Making $venv with $("$python" --version)."
        exec "$python" -m venv --clear "$venv"
    fi
done
echo "No Python 3.11 or newer with its venv module was found on the PATH; install one" \
    "(Debian and Ubuntu: apt-get install python3 python3-venv; macOS: brew install python@3.13)" \
    "and call make again." >&2
exit 1
