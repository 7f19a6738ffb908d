#!/bin/sh
# Unpacks packages of this Debian into a folder, with nothing installed and nothing run of them:
#
#   tests/testbed/debian.sh FOLDER busybox-static
#   tests/testbed/debian.sh FOLDER --source kubernetes=1.20.5+really1.20.2-1.1+deb12u1
#
# A source package lies beside its `.dsc` afterwards, as it was downloaded.
#
# They come from where this machine's apt gets its own, and apt checks each against Debian's signature.
# The lists that it needs are fetched anew, into a folder that is deleted again: so `apt-get update` need
# not have been run, sources need not be enabled, and no root is needed.
#
# Needs apt, and Debian 12: the other scripts name packages as they are there.
set -eu

fail() {
  echo "debian.sh: $*" >&2
  exit 1
}

[ $# -ge 2 ] || fail "give a folder and the packages to unpack into it"
folder=$1
shift

# shellcheck disable=SC1091
release=$(. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME:-}") || release=
[ "$release" = bookworm ] || fail "the packages are those of Debian 12 (bookworm), and this is not one; run it there"
command -v apt-get > /dev/null || fail "there is no apt-get; install apt"

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$apt/parts" "$apt/lists/partial" "$apt/cache/partial" "$apt/got"

# What this machine asks already, and of the same places the sources, too.
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
  [ -e "$file" ] || continue
  case $file in
    *.sources) sed 's/^Types:.*/Types: deb deb-src/' "$file" > "$apt/parts/${file##*/}" ;;
    *) sed -n 's/^deb\(-src\)\{0,1\}[[:space:]]\(.*\)/deb \2\ndeb-src \2/p' "$file" > "$apt/parts/${file##*/}" ;;
  esac
done

# ask WORD…: apt-get, with lists of its own, and as if nothing were installed.
ask() {
  apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$apt/parts" \
    -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" -o Dir::State::status=/dev/null \
    -o APT::Sandbox::User= -o APT::Update::Error-Mode=any -o Debug::NoLocking=1 -o Acquire::Languages=none "$@" >&2
}

ask update || fail "apt gets no lists of packages; try \`apt-get update\`, which says why"
cd "$apt/got"
if [ "$1" = --source ]; then
  shift
  ask source --download-only "$@" || fail "Debian does not have the source of $*; see its version with \`apt-get source\`"
  mv "$apt"/got/* "$folder/"
else
  ask download "$@" || fail "apt does not get all of $*; what it says is above"
  for package in "$apt"/got/*.deb; do
    dpkg-deb -x "$package" "$folder"
  done
fi
