# Sourced by ops/up, test, cli and bench: finds Python, makes the venv and installs one lock into it, only when needed.
#
#   bootstrap demo|test|bench|lint     sets TS_ROOT and TS_PYTHON; exits 2 when this machine lacks something
#
# TS_VENV puts the venv elsewhere. PYTHON names the interpreter. Every message goes to stderr: stdout is the caller's.

# Compiling every module anew would cost each of a dozen processes a second at each start. What is written is ours: the
# venv and this checkout's __pycache__ folders.
unset PYTHONDONTWRITEBYTECODE

say() { printf '%s\n' "$*" >&2; }
die() { say "twilio-server: $*"; exit 2; }

checksum() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum
    elif command -v shasum >/dev/null 2>&1; then shasum -a 256
    else openssl dgst -sha256 -r; fi
}

# One line "LEVEL SHA-256(lock + Python version)". The version is read from the venv itself: no interpreter is started.
stamp_line() {
    _version=$(sed -n 's/^version[_info]* *= *//p' "$venv/pyvenv.cfg" 2>/dev/null)
    _sum=$({ cat "$locks/$1.lock"; printf '%s' "$_version"; } | checksum)
    printf '%s %s' "$1" "${_sum%% *}"
}

# A venv made from a larger lock carries the lines of the smaller ones too.
is_fresh() {
    [ -x "$venv/bin/python" ] && [ ! -e "$venv/.unfinished" ] || return 1
    grep -qxF "$(stamp_line "$1")" "$venv/.stamp" 2>/dev/null || return 1
    [ -z "${PYTHON:-}" ] || [ "$(version_of "$PYTHON")" = "$(sed -n 's/^version[_info]* *= *//p' "$venv/pyvenv.cfg")" ]
}

levels_up_to() {
    case $1 in
        demo) echo demo ;;
        test) echo demo test ;;
        bench) echo demo test bench ;;
        lint) echo demo test lint ;;
        *) die "unknown level $1" ;;
    esac
}

version_of() { "$1" -c 'import platform; print(platform.python_version())' 2>/dev/null; }
is_recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_recent "$PYTHON" && { python=$PYTHON; return; }
        die "PYTHON=$PYTHON is $(version_of "$PYTHON" || echo 'not a working Python'); 3.11 or newer is needed."
    fi
    for _name in python3.14 python3.13 python3.12 python3.11 python3; do
        if command -v "$_name" >/dev/null 2>&1 && is_recent "$_name"; then python=$_name; return; fi
    done
    _found=$(version_of python3) || _found=none
    die "Python 3.11 or newer is needed, found: $_found. Install it (Debian, Ubuntu: apt install python3 python3-venv) or set PYTHON=/path/to/python3."
}

refuse_this_system() {
    case $(uname -s) in
        MINGW* | MSYS* | CYGWIN*) die "Windows is not supported directly: use WSL 2." ;;
    esac
}

# Nothing but what a bootstrap has put there is removed, and the lock file stays: others may be waiting on it.
clear_venv() {
    rm -rf "$venv/bin" "$venv/lib" "$venv/lib64" "$venv/include" "$venv/share" "$venv/pyvenv.cfg" "$venv/.stamp"
}

# pip, without the 4 s of installing it: out of the wheel that ensurepip carries; else the base interpreter's own.
pip_in_venv() {
    if [ -n "$pip_wheel" ]; then "$venv/bin/python" "$pip_wheel/pip" "$@"
    else "$python" -m pip --python "$venv/bin/python" "$@"; fi
}

find_pip() {
    pip_wheel=$("$python" - <<'PY'
import pathlib, sysconfig
folders = ["/usr/share/python-wheels", sysconfig.get_config_var("WHEEL_PKG_DIR") or "/usr/share/python-wheels"]
try:
    import ensurepip
    folders.insert(0, str(pathlib.Path(ensurepip.__file__).parent / "_bundled"))
except ImportError:
    pass
print(next((str(w) for f in folders for w in sorted(pathlib.Path(f).glob("pip-*.whl"))), ""))
PY
    )
    [ -n "$pip_wheel" ] || "$python" -m pip --version >/dev/null 2>&1 ||
        die "$python has neither ensurepip nor pip. Debian, Ubuntu: apt install python3-venv"
}

# uv reads neither pip.conf nor PIP_*: what pip would use is asked of pip and handed on. Variables of uv's own win.
pip_setting() {
    printf '%s\n' "$pip_config" | sed -n -e "s/^global\.$1='\(.*\)'\$/\1/p" -e "s/^install\.$1='\(.*\)'\$/\1/p" \
        -e "s/^:env:\.$1='\(.*\)'\$/\1/p" | tail -n 1
}

hand_pip_settings_to_uv() {
    # A value may hold several, one per line: pip prints these as \n; folders in find-links may not hold a space.
    pip_config=$(pip_in_venv config list 2>/dev/null | sed 's/\\n/ /g') || pip_config=
    _index=$(pip_setting index-url) _extra=$(pip_setting extra-index-url)
    _links=$(pip_setting find-links) _cert=$(pip_setting cert) _alone=$(pip_setting no-index)
    [ -z "$_index" ] || : "${UV_DEFAULT_INDEX:=$_index}"
    [ -z "$_extra" ] || : "${UV_INDEX:=$_extra}"
    [ -z "$_links" ] || : "${UV_FIND_LINKS:=$(printf '%s' "$_links" | tr -s ' ' ',')}"
    [ -z "$_cert" ] || : "${SSL_CERT_FILE:=$_cert}"
    case $_alone in 1 | true | True | yes | on) : "${UV_NO_INDEX:=1}" ;; esac
    for _name in UV_DEFAULT_INDEX UV_INDEX UV_FIND_LINKS UV_NO_INDEX SSL_CERT_FILE; do
        eval "[ -z \"\${$_name:-}\" ] || export $_name"
    done
    # A user without a home of his own (a service account) has no cache: uv gets one for this once.
    if [ -z "${UV_CACHE_DIR:-}" ] && ! mkdir -p "${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/uv" 2>/dev/null; then
        export UV_NO_CACHE=1
    fi
    # pip takes the best version of all indexes; uv would stop at the first that knows the name.
    export UV_INDEX_STRATEGY="${UV_INDEX_STRATEGY:-unsafe-best-match}"
}

install_lock() {
    if [ ! -x "$venv/bin/uv" ]; then
        pip_in_venv install -q --no-compile --no-deps --require-hashes -r "$locks/uv.lock" >>"$log" 2>&1 ||
            say "  uv could not be installed here; going on with pip"
    fi
    if [ -x "$venv/bin/uv" ]; then
        # In a subshell: the settings must not leak into what is started afterwards.
        if (hand_pip_settings_to_uv && exec "$venv/bin/uv" pip install -q --no-progress --python "$venv/bin/python" \
            --require-hashes -r "$locks/$1.lock") >>"$log" 2>&1; then return 0; fi
        say "  uv could not install everything; trying pip (about a minute)"
    fi
    pip_in_venv install -q --no-compile --require-hashes -r "$locks/$1.lock" >>"$log" 2>&1
}

explain_failure() {
    say ""
    tail -n 15 "$log" >&2
    say ""
    say "twilio-server: the packages could not be installed. Whole log: $log"
    if grep -qiE 'connect|resolve|timed out|timeout|unreachable|dns|no matching distribution|was not found in the' "$log"; then
        say "no package index reachable; set PIP_INDEX_URL, or fill a folder with \`pip download -r ops/requirements/$1.lock -d FOLDER\` on a connected machine and set PIP_FIND_LINKS=FOLDER."
    fi
    if ls /lib/ld-musl-* >/dev/null 2>&1; then say "This system uses musl, for which the embedded PostgreSQL has no package: use docker compose."; fi
    exit 2
}

make_venv() {
    : >"$venv/.unfinished"
    clear_venv
    "$python" -m venv --without-pip "$venv" >>"$log" 2>&1 ||
        { tail -n 5 "$log" >&2; die "$python could not make a venv in $venv. Debian, Ubuntu: apt install python3-venv"; }
}

# Runs with the lock held.
build() {
    is_fresh "$1" && return
    log=$venv/.bootstrap.log
    : >"$log"
    find_python
    find_pip
    if [ -e "$venv/.unfinished" ] || [ ! -x "$venv/bin/python" ] || ! is_recent "$venv/bin/python" ||
        { [ -n "${PYTHON:-}" ] && [ "$(version_of "$python")" != "$(version_of "$venv/bin/python")" ]; }; then
        say "Setting up with Python $(version_of "$python") in $venv (once)"
        make_venv
    else
        say "Bringing $venv up to date ($1)"
    fi
    rm -f "$venv/.stamp"
    install_lock "$1" || explain_failure "$1"
    rm -f "$venv/.unfinished"
    # Written last and in one move: a stamp is a promise that everything before it was done.
    for _level in $(levels_up_to "$1"); do stamp_line "$_level"; echo; done >"$venv/.stamp.new"
    mv "$venv/.stamp.new" "$venv/.stamp"
}

bootstrap() {
    TS_ROOT=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
    venv=${TS_VENV:-$TS_ROOT/.venv}
    case $venv in /*) ;; *) venv=$TS_ROOT/$venv ;; esac
    locks=$TS_ROOT/ops/requirements
    TS_PYTHON=$venv/bin/python
    is_fresh "$1" && return
    refuse_this_system
    find_python
    mkdir -p "$venv" 2>/dev/null && [ -w "$venv" ] ||
        die "$venv cannot be written by $(id -un) (owner: $(ls -ld "$venv" 2>/dev/null | awk '{print $3}')). Run as that user, or set TS_VENV=/another/folder."
    # flock on a descriptor of this shell: the kernel lets go of it when we die, however we die. Not .lock: that is uv's.
    exec 9>"$venv/.bootstrap.lock" || exit 2
    "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
    build "$1"
    exec 9>&-
}
