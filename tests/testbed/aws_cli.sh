#!/bin/sh
# Makes a virtual environment with the AWS command line, version 1, and prints the path of its folder
# of programs:
#
#   "$(tests/testbed/aws_cli.sh)/aws" --version
#
# It is not that of moto: both bring parts of botocore, each in its own version. What is installed is
# named in `aws_cli.txt`, each with its version.
#
# Needs flock and Python 3.9 or newer with pip and venv. What was made once lies in the cache folder
# and is taken from there, without a network.
set -eu

fail() {
  echo "aws_cli.sh: $*" >&2
  exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/drctl-testbed
version=$(sed -n 's/^awscli==//p' "$here/aws_cli.txt")
place=$cache/aws-cli-$version
# An environment belongs to one Python, so that is part of what it was made of.
sum=$(python3 -c 'import sys; print(sys.executable, sys.version)' | cat - "$here/aws_cli.txt" | sha256sum | cut -d' ' -f1)

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
    --requirement "$here/aws_cli.txt" >&2
  found=$("$place/bin/aws" --version | sed 's,^aws-cli/\([^ ]*\).*,\1,')
  [ "$found" = "$version" ] || fail "the AWS command line says that it is $found, not $version"
  echo "$sum" > "$place/made.sha256"
fi
echo "$place/bin"
