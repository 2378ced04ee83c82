#!/bin/sh
# Install a lock file and the checkout into .venv: with uv where there is one, else with pip.
# Usage: install.sh LOCK STAMP
# The stamp holds a digest of what is installed: where that is unchanged, as after an edit of the
# settings of a tool in pyproject.toml, nothing is installed again.
set -eu
lock=$1 stamp=$2 venv=.venv
python=$(command -v "${PYTHON:-python3.11}" || command -v python3) || {
    echo "install.sh: no Python 3 on the path; install Python 3.11" >&2; exit 2; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "install.sh: $python is older than Python 3.11; set PYTHON" >&2; exit 2; }
[ -x $venv/bin/python ] || "$python" -m venv $venv
digest=$("$python" - "$lock" install.sh <<'END'
import hashlib, json, pathlib, sys, tomllib
project = tomllib.loads(pathlib.Path("pyproject.toml").read_text(encoding="utf-8"))
project["tool"] = {"hatch": project.pop("tool", {}).get("hatch")}
files = b"".join(pathlib.Path(name).read_bytes() for name in sys.argv[1:])
print(hashlib.sha256(json.dumps(project, sort_keys=True).encode() + files).hexdigest())
END
)
if [ "$digest" = "$(cat "$stamp" 2>/dev/null)" ]; then
    touch "$stamp"
    exit
fi
uv=$(command -v uv || true)
if [ -z "$uv" ]; then
    [ -x $venv/bin/uv ] || $venv/bin/python -m pip install -q --disable-pip-version-check uv || true
    [ -x $venv/bin/uv ] && uv=$venv/bin/uv
fi
echo "Installing $lock into $venv (only the first time; torch is large) …" >&2
if [ -n "$uv" ]; then
    # Compiled once here: where bytecode cannot be written later, every start would do it again.
    "$uv" pip install -q -p $venv/bin/python --compile-bytecode --require-hashes -r "$lock"
    "$uv" pip install -q -p $venv/bin/python --no-deps --no-build-isolation -e .
else
    $venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r "$lock"
    $venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
fi
echo "$digest" > "$stamp"
