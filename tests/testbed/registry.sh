#!/bin/sh
# Makes an image registry that is not installed, and prints the path of the folder of its program,
# docker-registry:
#
#   "$(tests/testbed/registry.sh)/docker-registry" serve config.yml
#
# It is Debian's package, unpacked. `registry.py` starts registries with it. Elsewhere than on Debian 12 the
# folder has a link to the program of the machine, where it is on the PATH.
#
# Needs flock. What was made once lies in the cache folder and is taken from there, without a network.
set -eu

version=2.8.2
# Change it when something below changes.
revision="$version 1"

fail() {
  echo "registry.sh: $*" >&2
  exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/drctl-testbed
place=$cache/registry-$version

command -v flock > /dev/null || fail "flock is missing (Debian: apt-get install util-linux)"

# Two that want it at once: the second waits, and finds it made.
mkdir -p "$cache"
exec 9> "$place.lock"
flock 9

# What was made of is written last, so where it is right the rest is there.
if [ "$(cat "$place/made" 2>/dev/null)" != "$revision" ]; then
  rm -rf "$place"
  mkdir -p "$place/bin"
  if "$here/debian.sh" "$place/packages" docker-registry; then
    program=$place/packages/usr/bin/docker-registry
    found=$("$program" --version) || fail "docker-registry does not run; why is said above"
    case $found in
      *" $version"[+-]* | *" $version") ;;
      *) fail "docker-registry says \`$found\`, not $version; change the version in registry.sh" ;;
    esac
  else
    program=$(command -v docker-registry) ||
      fail "Debian's package cannot be had (why is said above), and docker-registry is not on the PATH; install it"
    "$program" --version > /dev/null || fail "docker-registry does not run; why is said above"
  fi
  ln -s "$program" "$place/bin/docker-registry"
  echo "$revision" > "$place/made"
fi
echo "$place/bin"
