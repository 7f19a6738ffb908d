#!/bin/sh
# Makes a Docker engine 20.10 that is not installed, and prints the path of the folder of its programs:
# dockerd, docker, containerd and its shim, runc, docker-init, and busybox, a static program to make images of.
#
#   PATH="$(tests/testbed/docker.sh):$PATH" dockerd …
#
# They are Debian's packages, unpacked. `engine.py` starts engines and clusters with them. Elsewhere than on
# Debian 12 the folder has links to the programs of the machine, where they are on the PATH.
#
# runc is Debian's, in front of it stands a wrapper that gives no process a negative OOM score: who has
# not CAP_SYS_RESOURCE may not, and the kubelet asks for it.
#
# Needs flock. To start dockerd takes root. What was made once lies in the cache folder and is taken from
# there, without a network.
set -eu

# Change it when something below changes.
revision='20.10 1'
packages='docker.io containerd runc tini busybox-static libdevmapper1.02.1'
programs='dockerd docker containerd containerd-shim-runc-v2'

fail() {
  echo "docker.sh: $*" >&2
  exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/drctl-testbed
place=$cache/docker-20.10

command -v flock > /dev/null || fail "flock is missing (Debian: apt-get install util-linux)"

# Two that want it at once: the second waits, and finds it made.
mkdir -p "$cache"
exec 9> "$place.lock"
flock 9

# wrap NAME LINE…: a program of that name, which is a few lines of shell.
wrap() {
  name=$1
  shift
  printf '%s\n' '#!/bin/sh' "$@" > "$place/bin/$name"
  chmod +x "$place/bin/$name"
}

# What was made of is written last, so where it is right the rest is there.
if [ "$(cat "$place/made" 2>/dev/null)" != "$revision" ]; then
  rm -rf "$place"
  mkdir -p "$place/bin"
  # shellcheck disable=SC2086
  if "$here/debian.sh" "$place/packages" $packages; then
    root=$place/packages
    # dockerd needs a library that a bare Debian lacks, and only it is given that.
    libraries="$root/usr/lib/$(uname -m)-linux-gnu:$root/lib/$(uname -m)-linux-gnu"
    for program in $programs; do
      found=
      for folder in usr/sbin usr/bin; do
        [ ! -x "$root/$folder/$program" ] || found=$root/$folder/$program
      done
      [ -n "$found" ] || fail "Debian's packages have no $program; see what became of it in $packages"
      case $program in
        dockerd) wrap "$program" "export LD_LIBRARY_PATH='$libraries'" "exec '$found' \"\$@\"" ;;
        *) ln -s "$found" "$place/bin/$program" ;;
      esac
    done
    ln -s "$root/bin/busybox" "$place/bin/busybox"
    # What `docker run --init` puts before a program.
    ln -s "$root/usr/bin/tini-static" "$place/bin/docker-init"
    runc=$root/usr/sbin/runc
  else
    # shellcheck disable=SC2086
    for program in $programs docker-init busybox; do
      found=$(command -v "$program") ||
        fail "Debian's packages cannot be had (why is said above), and $program is not on the PATH; install Docker 20.10 or newer and a static busybox"
      ln -s "$found" "$place/bin/$program"
    done
    runc=$(command -v runc) || fail "runc is not on the PATH; install it"
  fi
  # shellcheck disable=SC2016
  # The bundle is the word after --bundle; its config.json is read once, by this very call.
  wrap runc \
    'before=' \
    'for word; do' \
    '  if [ "$before" = --bundle ] && [ -e "$word/config.json" ]; then' \
    '    sed -i "s/\"oomScoreAdj\":-[0-9]*/\"oomScoreAdj\":0/" "$word/config.json"' \
    '  fi' \
    '  before=$word' \
    'done' \
    "exec '$runc' \"\$@\""
  "$place/bin/docker" --version > /dev/null || fail "docker does not run; why is said above"
  "$place/bin/dockerd" --version > /dev/null || fail "dockerd does not run; why is said above"
  "$place/bin/runc" --version > /dev/null || fail "runc does not run; why is said above"
  echo "$revision" > "$place/made"
fi
echo "$place/bin"
