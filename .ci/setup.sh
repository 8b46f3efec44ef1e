# setup - what ./quickstart and ./check share; to be sourced from the root of the tree.
# Installs Debian packages that are missing, makes ./configure, configures a folder.

say()
{
    printf '== %s\n' "$*"
}

die()
{
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Find out how to install as root, before anything is written to a log.
ask_root()
{
    sudo=
    [ "$(id -u)" != 0 ] || return 0
    command -v sudo >/dev/null ||
        die "run as root or with sudo, or install by hand: apt-get install$missing"
    sudo -n true 2>/dev/null ||
        die "sudo asks for a password: run 'sudo -v' before, or install by hand: apt-get install$missing"
    sudo="sudo -n env DEBIAN_FRONTEND=$DEBIAN_FRONTEND"
}

# needs KIND...: install the packages of these kinds that are missing.
needs()
{
    missing=
    for kind; do
        for package in $(sed -n "s/^$kind //p" .ci/packages); do
            dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null |
                grep -qx installed || missing="$missing $package"
        done
    done
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || die "this is not Debian: install by hand:$missing"
    say "installing$missing"
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    ask_root
    install="$sudo apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0"
    # The lists may be old or absent: fetch them only when they do not do.
    mkdir -p build
    # shellcheck disable=SC2086
    $install $missing >build/apt.log 2>&1 || {
        $sudo apt-get update -qq >>build/apt.log 2>&1 || true
        $install $missing >>build/apt.log 2>&1 ||
            { tail -n 20 build/apt.log >&2; die "the packages could not be installed"; }
    }
}

# configured FOLDER FLAG...: a build folder that is up to date with the tree.
configured()
{
    folder=$1
    shift
    mkdir -p "$folder"
    # Two at once would spoil each other's ./configure.
    exec 9>build/autogen.lock
    flock 9
    if [ ! -x configure ] || [ ! -f Makefile.in ] ||
        [ -n "$(find configure.ac m4/flags.m4 -newer configure)" ]; then
        say "making ./configure"
        ./autogen.sh >build/autogen.log 2>&1 || { tail -n 20 build/autogen.log >&2; return 1; }
    fi
    flock -u 9
    if [ ! -f "$folder/Makefile" ] || [ "$(cat "$folder/flags" 2>/dev/null)" != "$*" ]; then
        say "configuring $folder"
        (cd "$folder" && "$root/configure" "$@" >configure.log 2>&1) ||
            { tail -n 20 "$folder/configure.log" >&2; return 1; }
        printf '%s\n' "$*" >"$folder/flags"
    fi
}
