#!/bin/sh
# See that napari's windows can open in the tests: Qt's system libraries, and Xvfb for displays.
# Installs them where it may. Elsewhere it says how, and fails only in CI: the tests that need no
# window still run for a user, and the others say why they are skipped.
set -eu
packages="xvfb xauth libgl1-mesa-dri libegl1 libgl1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4
libxcb-keysyms1 libxcb-shape0 libxcb-image0 libxcb-render-util0 libxcb-xinerama0 libdbus-1-3"

[ "$(uname)" = Linux ] || exit 0

go_on_without() {
    echo "$1" >&2
    [ -z "${CI:-}" ]
}

if ! command -v apt-get >/dev/null; then
    command -v Xvfb >/dev/null || [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] ||
        go_on_without "The tests of napari's windows need Xvfb and Mesa: install them with your package manager."
    exit
fi

missing=
for package in $packages; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

line="apt-get update && apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" -eq 0 ]; then
    echo "Installing system libraries:$missing"
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    if sh -c "$line" >"$log" 2>&1 </dev/null; then
        rm "$log"
        exit 0
    fi
    tail -n 5 "$log" >&2
    rm "$log"
    go_on_without "apt-get failed; the tests of napari's windows need:  $line"
else
    go_on_without "The tests of napari's windows need:  sudo sh -c '$line'"
fi
