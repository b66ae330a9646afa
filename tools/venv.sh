# Sourced by ./train and ./check: `prepare <extras>` makes .venv and builds cygrad in it, doing only what is missing.
# With CYGRAD_CHECKED=1 the environment is .venv-checked and holds the checked build, installed as a copy.
# shellcheck shell=bash

fail() {
    echo "cygrad: $1" >&2
    exit 1
}

find_python() {
    local p
    local candidates=(python3 python3.14 python3.13 python3.12 python3.11)
    [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
    for p in "${candidates[@]}"; do
        if "$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$p"
            return
        fi
    done
    return 1
}

make_venv() {
    local python
    python=$(find_python) ||
        fail "${PYTHON:+PYTHON=$PYTHON does not start or is too old: }Python 3.11 or newer is missing (Debian: apt-get install python3)"
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$python has no venv module (Debian: apt-get install python3-venv)"
    [ ! -e "$venv" ] || echo "cygrad: ${venv##*/} is damaged or of another Python: making it anew"
    "$python" -m venv --clear "$venv" || fail "$python could not make the virtual environment $venv"
}

pip_install() { # in an environment that has no network, pip's own settings help: PIP_NO_INDEX, PIP_FIND_LINKS
    "$venv/bin/python" -m pip --disable-pip-version-check install --quiet "$@"
}

# Whether the environment is there, works, and is of the Python that PYTHON names, if it names one.
usable() {
    local code='import pip, sys; print(sys.version_info[:2], sys.implementation.name)' asked has
    has=$("$venv/bin/python" -c "$code" 2>/dev/null) || return 1
    [ -z "${PYTHON:-}" ] && return
    asked=$("$PYTHON" -c "${code/pip, /}" 2>/dev/null) && [ "$asked" = "$has" ]
}

need_compiler() {
    local cc include try result=0
    cc=$("$venv/bin/python" -c 'import os, sysconfig; print(os.environ.get("CC") or sysconfig.get_config_var("CC"))')
    include=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
    command -v "${cc%% *}" >/dev/null || fail "a C compiler is missing: ${cc%% *} (Debian: apt-get install gcc libc6-dev)"
    [ -f "$include/Python.h" ] || fail "Python.h is missing (Debian: apt-get install python3-dev)"
    try=$(mktemp -d) || fail "no temporary folder can be made"
    printf '#include <math.h>\nint main(void) { return 0; }\n' >"$try/plain.c"
    printf '#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n' >"$try/openmp.c"
    # shellcheck disable=SC2086 # $cc may carry flags
    if ! $cc "$try/plain.c" -o "$try/plain" 2>/dev/null; then
        result="the C compiler cannot build a program: ${cc%% *} (Debian: apt-get install libc6-dev)"
    elif ! $cc -fopenmp "$try/openmp.c" -o "$try/openmp" 2>/dev/null; then
        result="the C compiler has no OpenMP: ${cc%% *} -fopenmp fails (Debian: apt-get install gcc libgomp1)"
    fi
    rm -r "$try"
    [ "$result" = 0 ] || fail "$result"
}

# The sources that are newer than the last build; everything else of an editable install needs no build.
stale_sources() {
    if [ -n "${CYGRAD_CHECKED:-}" ]; then
        find "$root/cygrad" "$root/setup.py" -newer "$venv/built" -name '*.py*' -print -quit
    fi
    find "$root/cygrad" "$root/setup.py" -newer "$venv/built" \
        \( -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name setup.py -o -path '*/_table/*.py' \) -print -quit
}

prepare() {
    local extras=$1 what=(-e .)
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    venv=$root/.venv
    if [ -n "${CYGRAD_CHECKED:-}" ]; then
        venv=$root/.venv-checked
        what=(--no-deps .)
    fi
    cd "$root" || exit 1
    if ! usable; then
        [ -w "$root" ] || fail "$root cannot be written to: copy the checkout to a folder of yours"
        make_venv
    fi
    # What was installed points to the folder that the checkout lay in then.
    [ "$(cat "$venv/root" 2>/dev/null)" = "$root" ] || rm -f "$venv/built"
    if [ ! "$venv/requires.txt" -nt pyproject.toml ] || ! "$venv/bin/python" -c 'import Cython, setuptools, scipy_openblas32' 2>/dev/null; then
        need_compiler
        echo "cygrad: installing what the build needs into ${venv##*/}"
        "$venv/bin/python" -c '
import tomllib
with open("pyproject.toml", "rb") as f:
    print(*tomllib.load(f)["build-system"]["requires"], sep="\n")' >"$venv/requires.new" || exit 1
        pip_install -r "$venv/requires.new" || fail "pip could not install what the build needs (its message stands above)"
        mv "$venv/requires.new" "$venv/requires.txt"
    fi
    if [ ! "$venv/built" -nt pyproject.toml ] || [ -n "$(stale_sources)" ]; then
        [ -w "$root/cygrad" ] || fail "$root cannot be written to: copy the checkout to a folder of yours"
        need_compiler
        echo "cygrad: building (minutes the first time, then only what changed)"
        touch "$venv/started"
        if [ -z "${CYGRAD_CHECKED:-}" ]; then # once by itself, since pip shows nothing of it
            CYGRAD_PROGRESS=1 "$venv/bin/python" setup.py --quiet build_ext --inplace ||
                fail "the build failed (its message stands above)"
        fi
        pip_install --no-build-isolation "${what[@]}" || fail "the build failed (its message stands above)"
        echo "$root" >"$venv/root"
        mv "$venv/started" "$venv/built"
    fi
    if [ ! "$venv/has-$extras" -nt pyproject.toml ]; then
        echo "cygrad: installing what ${0##*/} needs into ${venv##*/}"
        "$venv/bin/python" -c '
import sys, tomllib
with open("pyproject.toml", "rb") as f:
    project = tomllib.load(f)["project"]
lists = [project["optional-dependencies"][name] for name in sys.argv[1].split(",")]
print(*project["dependencies"], *(line for part in lists for line in part), sep="\n")' "$extras" >"$venv/extras.txt" || exit 1
        pip_install -r "$venv/extras.txt" || fail "pip could not install what ${0##*/} needs (its message stands above)"
        touch "$venv/has-$extras"
    fi
}
