#!/bin/sh
# Installs the program as the image has it: build_image.sh TARGET, from the repository's root. The Dockerfile runs it, and
# prove_image.py, so that both do the same. What is installed is a wheel, by the pinned versions, without pip and tests, with
# what users of the image may turn on.
set -eu
target=$1
python=${PYTHON:-python3}
pip=${PIP_PYTHON:-$python}
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_CONSTRAINT="$PWD/constraints.txt"

extras=
if grep -q '^notifications = ' pyproject.toml; then
  extras='[notifications]'
fi
"$pip" -m pip wheel --quiet --no-deps --wheel-dir "$wheels" .
"$python" -m venv --without-pip "$target"
for wheel in "$wheels"/ingress_canary-*.whl; do
  "$pip" -m pip --python "$target/bin/python" install --quiet --no-compile "$wheel$extras"
done
# The lab is for the demo and for tests: a wheel carries it, an image for clusters does not.
rm -r "$target"/lib/python*/site-packages/ingress_canary/lab
# Bytecode by the hash of nothing: files are never looked at again, and nothing can be written where the program runs.
"$target/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash "$target/lib"
