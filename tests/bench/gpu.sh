#!/usr/bin/env bash
# What only a GPU can show, on a machine without a network, in under eight minutes.
#   tests/bench/gpu.sh pack FILE            here: what such a machine lacks, for its Python, in one archive
#   tests/bench/gpu.sh run FILE OUT [cpu]   there: tests, a full-size AST, the same run on two devices
# The machine has Python 3.12, torch 2.11, torchaudio, transformers, pandas, pyarrow, scipy,
# scikit-learn, rich, typer, jinja2 and pytest; the archive has the rest. Each part ends by itself
# at its limit and leaves what it has in OUT: a log, and its figures as JSON.
set -euo pipefail
cd "$(dirname "$0")/../.."

lacking="altair annotated-types av cachetools cffi datasets dill diskcache jsonschema jsonschema-specifications
    multiprocess platformdirs pycparser pydantic pydantic-core python-stretch referencing rpds-py
    soundfile soxr typing-inspection vl-convert-python"

pack() {
    local wheels target=() name pins=()
    wheels=$(mktemp -d)
    for name in $lacking; do
        # The first version in the lock that is for Python 3.12.
        pins+=("$(grep -iE "^$name==" requirements.lock | grep -v "< *'3.12'" | tail -1 | sed 's/[ ;\\].*//')")
    done
    target=(--only-binary=:all: --no-deps --python-version 3.12 --implementation cp
        --abi cp312 --abi abi3 --abi none --platform any
        --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64)
    python3 -m pip download -q --disable-pip-version-check "${target[@]}" -d "$wheels" "${pins[@]}"
    for name in "$wheels"/*.whl; do
        python3 -m zipfile -e "$name" "$wheels/site"  # another Python's: nothing of them runs here
    done
    mkdir -p "$(dirname "$1")"
    tar -C "$wheels/site" -cf - . | xz -T0 -6 >"$1"
    rm -r "$wheels"
    du -h "$1"
}

part() {  # NAME SECONDS COMMAND...
    local name=$1 seconds=$2 began=$SECONDS code=0
    shift 2
    timeout --kill-after=10 "$seconds" "$@" >"$out/$name.log" 2>&1 || code=$?
    echo "== $name: exit $code after $((SECONDS - began)) s"
    tail -n 45 "$out/$name.log" | cut -c1-220
}

run() {
    out=$2
    local device=${3:-cuda} site limit=() sample=(--minutes 2.8)
    mkdir -p "$out"
    export PYTHONUNBUFFERED=1 TRANSFORMERS_VERBOSITY=error HF_HUB_OFFLINE=1
    if [ -n "$1" ]; then
        site=$(mktemp -d)
        tar -C "$site" -xJf "$1"
        export PYTHONPATH=$site
    fi
    if [ "$device" = cpu ]; then
        limit=(--limit 12) sample=(--sample 4 --minutes 0.1)
    else
        nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
    fi
    part tests 130 "$python" -m pytest -m gpu -rs -s \
        tests/detector/test_gpu.py -p no:cacheprovider -o filterwarnings=default
    part devices 130 "$python" -m tests.bench.devices --device "$device" --json "$out/devices.json" "${limit[@]}"
    part full 220 "$python" -m tests.bench.gpu --device "$device" --json "$out/gpu.json" "${sample[@]}"
}

python=${PYTHON:-python3}
case ${1:-} in
pack) pack "$2" ;;
run) run "$2" "$3" "${4:-}" ;;
*) sed -n '2,7s/^# //p' "$0" >&2; exit 2 ;;
esac
