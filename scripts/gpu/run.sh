#!/usr/bin/env bash
# Run the GPU check on a machine that has a GPU but not this project's environment. Two steps, in the project's folder:
#
#   bash scripts/gpu/run.sh prepare    where there is a package index: puts wheels (12 MB) into build/gpu
#   bash scripts/gpu/run.sh            on the machine with the GPU; options go to check.py, for example --phases step
#
# The second step needs python3 with torch's CUDA build, timm, transformers and accelerate; it changes nothing on the
# machine. In an environment that `make setup` made, call `python scripts/gpu/check.py` instead.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
wheels=$root/build/gpu/wheels

if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
    sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exec python3 "$here/check.py" --help
fi

if [ "${1:-}" = prepare ]; then
    # What an image with CUDA, torch and the usual packages lacks, in the versions that the tests run with.
    cd "$root" || exit 1
    packages=$(grep -iE '^(pycocotools|msgspec|resvg.py|twemoji.api)==' constraints.txt)
    platforms=$(printf -- '--platform manylinux%s_x86_64 ' _2_28 _2_27 _2_17 2014 1)
    # shellcheck disable=SC2086  # both are lists of words
    exec python3 -m pip download --no-deps --only-binary=:all: --python-version "${PYTHON_VERSION:-3.12}" \
        --implementation cp $platforms --quiet --dest "$wheels" $packages
fi

work=$(mktemp -d)
export PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false GRISQ_CACHE=$work/cache
if [ -d "$wheels" ]; then
    python3 -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir --target "$work/site" "$wheels"/*.whl
fi
export PYTHONPATH=$work/site:$root
if ! python3 -c "import numba" 2> "$work/numba.err"; then
    # The kernel for CPUs asks for numba when it is imported; a GPU never calls it, so decorators that do nothing will do.
    tail -n 1 "$work/numba.err"
    mkdir -p "$work/site/numba"
    cat > "$work/site/numba/__init__.py" <<'EOF'
def njit(*given, **options):
    return given[0] if given and callable(given[0]) else lambda function: function


prange = range


class config:
    NUMBA_NUM_THREADS = 1


def set_num_threads(count):
    pass
EOF
fi
python3 "$here/check.py" ${OUT:+--out "$OUT"} "$@"
