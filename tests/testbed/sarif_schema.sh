#!/bin/sh
# Fetches the JSON schema of SARIF 2.1.0 and makes a virtual environment with jsonschema, to check
# documents with, and prints the path of the folder that has both:
#
#   place=$(tests/testbed/sarif_schema.sh)
#   "$place/bin/python" ... "$place/sarif-2.1.0.json"
#
# `tests/sarif_check.py` does that. The schema is the one that Microsoft's npm package
# `@microsoft/jest-sarif` carries. But for its name, its draft of JSON Schema and one typing error in
# a description it is the one that OASIS publishes.
#
# What is installed is named in `sarif_schema.txt`, each with its version.
#
# Needs flock, npm, tar and Python 3.9 or newer with pip and venv. What was made once lies in the
# cache folder and is taken from there, without a network.
set -eu

package=@microsoft/jest-sarif
version=1.0.0-beta.0
file=package/lib/schemas/sarif-2.1.0-rtm.5.json
schema_sum=2d99159ae54a3eea97f81781cff48780548657c35949f4b7f25e99a2ba4de4f8

fail() {
  echo "sarif_schema.sh: $*" >&2
  exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/drctl-testbed
place=$cache/sarif-2.1.0
# An environment belongs to one Python, so that is part of what it was made of.
sum=$( (python3 -c 'import sys; print(sys.executable, sys.version)'; echo "$schema_sum") |
  cat - "$here/sarif_schema.txt" | sha256sum | cut -d' ' -f1)

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
    --requirement "$here/sarif_schema.txt" >&2
  (cd "$place" && npm pack --silent "$package@$version" >&2)
  tar -xzf "$place"/*.tgz -C "$place" "$file"
  rm "$place"/*.tgz
  found=$(sha256sum "$place/$file" | cut -d' ' -f1)
  [ "$found" = "$schema_sum" ] ||
    fail "the schema has the SHA-256 $found, not $schema_sum; do not use it, and try again"
  mv "$place/$file" "$place/sarif-2.1.0.json"
  rm -r "$place/package"
  echo "$sum" > "$place/made.sha256"
fi
echo "$place"
