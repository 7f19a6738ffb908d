#!/bin/sh
# Builds Kubernetes 1.20.2, and prints the path of the folder that holds what a cluster is made of:
# kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kubectl, etcd, etcdctl and pause.
#
#   "$(tests/testbed/kubernetes.sh)/kubectl" version --client
#
# It is built from Debian's source package, which brings all that it needs along, with Debian's Go 1.19,
# and nothing is installed. kubectl and etcd are Debian's own. `engine.py` makes clusters of it.
#
# Needs Debian 12 with dpkg-dev, patch, make, bash, cc and flock, 4 GB of disk, and about 10 minutes of two
# cores. What was made once lies in the cache folder and is taken from there, without a network.
set -eu

version=1.20.2
source=1.20.5+really1.20.2-1.1+deb12u1
orig_sum=b83c0780efb182d928dc63d46488a847f161f04e40a94b96bf5247dd671ecdfc
debian_sum=9b6e5fd41769d2b5badf2e73b274e3bcd90f85e13d06a1a4a845ccce018127d8
servers='kube-apiserver kube-controller-manager kube-scheduler kubelet'

fail() {
  echo "kubernetes.sh: $*" >&2
  exit 1
}

# check FILE SUM
check() {
  found=$(sha256sum "$1" | cut -d' ' -f1)
  [ "$found" = "$2" ] || fail "${1##*/} has the SHA-256 $found, not $2; do not use it, and try again"
}

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/drctl-testbed
place=$cache/kubernetes-$version
build=$place/build

for tool in dpkg-source:dpkg-dev patch:patch make:make bash:bash cc:gcc flock:util-linux; do
  command -v "${tool%:*}" > /dev/null ||
    fail "${tool%:*} is missing (Debian: apt-get install ${tool#*:})"
done

# Two that want it at once: the second waits, and finds it made.
mkdir -p "$cache"
exec 9> "$place.lock"
flock 9

# The checksum is written last, so where it is right the rest is there.
if [ "$(cat "$place/source.sha256" 2>/dev/null)" != "$orig_sum $debian_sum" ]; then
  rm -rf "$place"
  mkdir -p "$build/bin" "$place/bin"
  "$here/debian.sh" "$build/packages" golang-1.19-go golang-1.19-src etcd-server etcd-client kubernetes-client ||
    fail "Debian's packages cannot be had; why is said above"
  "$here/debian.sh" "$build" --source "kubernetes=$source" ||
    fail "Debian's source of Kubernetes cannot be had; why is said above"
  check "$build/kubernetes_${source%-*}.orig.tar.gz" "$orig_sum"
  check "$build/kubernetes_$source.debian.tar.xz" "$debian_sum"
  # What it is made of has been checked just now.
  dpkg-source --no-check -x "$build/kubernetes_$source.dsc" "$build/source" > "$build/log" 2>&1 ||
    fail "the source does not unpack: $(tail -n 1 "$build/log")"

  # Its makefiles copy the finished programs with rsync, and ask nothing else of it.
  printf '#!/bin/sh\nshift\nexec cp -p "$@"\n' > "$build/bin/rsync"
  chmod +x "$build/bin/rsync"
  # Without this it would ask git for its version, and find that of whatever repository is above it.
  cat > "$build/version" <<END
KUBE_GIT_COMMIT=debian
KUBE_GIT_TREE_STATE=archive
KUBE_GIT_VERSION=v$version
KUBE_GIT_MAJOR=1
KUBE_GIT_MINOR=20
END
  mkdir -p "$build/source/.go/src/k8s.io"
  ln -s ../../.. "$build/source/.go/src/k8s.io/kubernetes"
  # shellcheck disable=SC2086
  (
    cd "$build/source"
    what=$(printf 'cmd/%s ' $servers)
    env -i HOME="$build" PATH="$build/bin:$build/packages/usr/lib/go-1.19/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
      GOROOT="$build/packages/usr/lib/go-1.19" GOPATH="$build/source/.go" GOCACHE="$build/gocache" \
      CGO_ENABLED=0 GOPROXY=off GOFLAGS= KUBE_GIT_VERSION_FILE="$build/version" \
      make WHAT="$what" GOLDFLAGS="-s -w" < /dev/null >> "$build/log" 2>&1
  ) || fail "it does not build: $(tail -n 1 "$build/log") (all of it: $build/log)"
  for server in $servers; do
    cp "$build/source/_output/bin/$server" "$place/bin/"
  done
  for program in etcd etcdctl kubectl; do
    cp "$build/packages/usr/bin/$program" "$place/bin/"
  done
  for server in $servers; do
    said=$("$place/bin/$server" --version)
    [ "$said" = "Kubernetes v$version" ] || fail "$server says \`$said\`, not \`Kubernetes v$version\`"
  done
  rm -rf "$build"
  echo "$orig_sum $debian_sum" > "$place/source.sha256"
fi
if [ ! -e "$place/bin/pause" ] || [ "$here/pause.c" -nt "$place/bin/pause" ]; then
  cc -O1 -Wall -Wextra -Werror -static -o "$place/bin/pause.new" "$here/pause.c" ||
    fail "no static program can be made (Debian: apt-get install libc6-dev)"
  mv "$place/bin/pause.new" "$place/bin/pause"
fi
echo "$place/bin"
