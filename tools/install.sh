# install.sh: need PACKAGE...: installs the Debian packages that are missing. Sourced by the scripts beside it.

need() {
    missing=
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "This is no Debian or Ubuntu. What has these names there must be installed: $*" >&2
        return 0
    fi
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    [ -z "$missing" ] && return 0
    echo "Installing:$missing"
    as_root=
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            echo "These packages are missing, and there is no sudo to install them with:$missing" >&2
            return 1
        fi
        as_root=sudo
    fi
    # Drivers that are only tested must not appear to every program of the machine: no vendor file of theirs.
    log=$(mktemp)
    if { $as_root env DEBIAN_FRONTEND=noninteractive apt-get update &&
         $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
             ${hide_vendors:+-o Dpkg::Options::=--path-exclude=/etc/OpenCL/vendors/*} $missing; } >"$log" 2>&1; then
        rm -f "$log"
    else
        tail -n 20 "$log" >&2
        rm -f "$log"
        echo "These packages could not be installed:$missing" >&2
        return 1
    fi
}
