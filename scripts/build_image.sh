#!/bin/sh
# Installs the program as the image has it: build_image.sh TARGET, from the repository's root. The Dockerfile runs it, and
# prove_image.py, so that both do the same. What is installed is a wheel, and by their hashes the packages that
# scripts/locks names, without pip and tests, with what users of the image may turn on (run.txt has the notifications).
set -eu
target=$1
python=${PYTHON:-python3}
pip=${PIP_PYTHON:-$python}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_COMPILE=1 PIP_NO_DEPS=1

"$pip" -m pip install --quiet --require-hashes --target "$work/backend" --requirement scripts/locks/build.txt
PYTHONPATH="$work/backend" "$pip" -m pip wheel --quiet --no-build-isolation --wheel-dir "$work" .
"$python" -m venv --without-pip "$target"
"$pip" -m pip --python "$target/bin/python" install --quiet --require-hashes --requirement scripts/locks/run.txt
"$pip" -m pip --python "$target/bin/python" install --quiet "$work"/ingress_canary-*.whl
# The lab is for the demo and for tests: a wheel carries it, an image for clusters does not.
rm -r "$target"/lib/python*/site-packages/ingress_canary/lab
# Bytecode by the hash of nothing: files are never looked at again, and nothing can be written where the program runs.
"$target/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash "$target/lib"
