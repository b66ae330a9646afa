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

version_of() { "$1" -c 'import sys; print(sys.version)'; }

# Whether the environment is usable as it is: one that was copied or moved leads to the other folder.
venv_fits() {
    "$venv/bin/python" -c 'import pip' 2>/dev/null || return
    [ "$(cat "$venv/made-for" 2>/dev/null)" = "$root" ] || return
    [ -z "${PYTHON:-}" ] || [ "$(version_of "$PYTHON")" = "$(version_of "$venv/bin/python")" ]
}

pip_install() { "$venv/bin/python" -m pip --disable-pip-version-check install --quiet "$@"; }

make_venv() {
    local python
    python=$(find_python) || fail "Python 3.11 or newer is missing (Debian: apt-get install python3)"
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$python has no venv module (Debian: apt-get install python3-venv)"
    "$python" -m venv --clear "$venv" || fail "$python could not make the virtual environment $venv"
    echo "$root" >"$venv/made-for"
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

# For programs that load the checked build.  Python itself is not built with the sanitizer: its runtime has to come first,
# then that of C++, whose exceptions it watches; what Python keeps is no leak.
sanitized() {
    export LD_PRELOAD ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=8192}
    export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
    LD_PRELOAD="$(${CC:-gcc} -print-file-name=libasan.so) $(${CC:-gcc} -print-file-name=libstdc++.so.6)"
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
    local extras=$1 what=-e
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    venv=$root/.venv
    if [ -n "${CYGRAD_CHECKED:-}" ]; then
        venv=$root/.venv-checked
        what=--no-deps
    fi
    cd "$root" || exit 1
    [ -w "$root" ] || fail "$root cannot be written to; the build and its environment need that (copy the folder elsewhere)"
    venv_fits || make_venv
    if [ ! "$venv/built" -nt pyproject.toml ]; then
        need_compiler
        echo "cygrad: installing what the build needs into ${venv##*/}"
        "$venv/bin/python" -c '
import tomllib
with open("pyproject.toml", "rb") as f:
    print(*tomllib.load(f)["build-system"]["requires"], sep="\n")' >"$venv/requires.txt" || exit 1
        pip_install -r "$venv/requires.txt" || fail "pip could not install what the build needs (its message stands above)"
    fi
    if [ ! "$venv/built" -nt pyproject.toml ] || [ -n "$(stale_sources)" ]; then
        need_compiler
        echo "cygrad: building (minutes the first time, then only what changed)"
        touch "$venv/started"
        if [ "$what" = -e ]; then # in place and by itself first, since pip shows nothing of a build that succeeds
            "$venv/bin/python" setup.py --quiet build_ext --inplace >"$venv/build.log" ||
                fail "the build failed (its messages stand above and in ${venv##*/}/build.log)"
        fi
        pip_install --no-build-isolation "$what" . || fail "the build failed (its message stands above)"
        mv "$venv/started" "$venv/built"
    fi
    if [ ! "$venv/has-$extras" -nt pyproject.toml ]; then
        echo "cygrad: installing what ${0##*/} needs into ${venv##*/}"
        "$venv/bin/python" -c '
import sys, tomllib
with open("pyproject.toml", "rb") as f:
    project = tomllib.load(f)["project"]
lists = [project["optional-dependencies"][name] for name in sys.argv[1].split(",")]
print(*project["dependencies"], *(line for part in lists for line in part), sep="\n")' "$extras" >"$venv/requires.txt" || exit 1
        pip_install -r "$venv/requires.txt" || fail "pip could not install what ${0##*/} needs (its message stands above)"
        touch "$venv/has-$extras"
    fi
}
