#!/bin/sh
# Makes a virtual environment with moto, a simulation of the AWS API, and boto3, to ask it with,
# and prints the path of its folder of programs:
#
#   "$(tests/testbed/moto.sh)/moto_server" -H 127.0.0.1 -p 5000
#   "$(tests/testbed/moto.sh)/python" -c 'import boto3'
#
# What is installed is named in `moto.txt`, each with its version.
#
# Needs flock and Python 3.9 or newer with pip and venv. What was made once lies in the cache folder
# and is taken from there, without a network.
set -eu

fail() {
  echo "moto.sh: $*" >&2
  exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/drctl-testbed
version=$(sed -n 's/^moto==//p' "$here/moto.txt")
place=$cache/moto-$version
# An environment belongs to one Python, so that is part of what it was made of.
sum=$(python3 -c 'import sys; print(sys.executable, sys.version)' | cat - "$here/moto.txt" | sha256sum | cut -d' ' -f1)

# Two that want it at once: the second waits, and finds it made.
mkdir -p "$cache"
exec 9> "$place.lock"
flock 9

# The checksum is written last, so where it is right the rest is there.
if [ "$(cat "$place/made.sha256" 2>/dev/null)" != "$sum" ]; then
  rm -rf "$place"
  python3 -m venv "$place" >&2 ||
    fail "Python makes no virtual environment; install its venv module (Debian: apt-get install python3-venv)"
  "$place/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --requirement "$here/moto.txt" >&2
  found=$("$place/bin/python" -c 'import boto3, moto.server; print(moto.__version__)')
  [ "$found" = "$version" ] || fail "moto says that it is $found, not $version"
  echo "$sum" > "$place/made.sha256"
fi
echo "$place/bin"
