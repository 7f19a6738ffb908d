#!/bin/sh
# Builds the container image of `drctl watch` around a drctl that was built, and prints its size.
#
#   tests/image.sh target/release/drctl              tagged drctl
#   tests/image.sh target/release/drctl shop/drctl:1
#
# Terraform is the one on PATH, or what TERRAFORM names. Its libraries, drctl's, the certificates and what glibc
# needs to look names up are those of this machine. Takes Docker, and no network. The same programs make the
# same layer, byte by byte.
set -eu

fail() {
  echo "image.sh: $*" >&2
  exit 1
}

drctl=$1
tag=${2:-drctl}
here=$(cd "$(dirname "$0")/.." && pwd)
terraform=$(command -v "${TERRAFORM:-terraform}") ||
  fail "there is no ${TERRAFORM:-terraform}, which a failover runs; put Terraform 1.5 or newer on PATH, or name one:" \
    "\`TERRAFORM=PATH make image\`"
[ -x "$drctl" ] || fail "$drctl is no program; build it with \`make build\`"
command -v docker > /dev/null ||
  fail "docker is missing; install it, or see whether the image can be built with the engine of the testbed:" \
    "\`tests/testbed/engine.py docker --for 'make image'\`"
docker version > /dev/null 2>&1 || fail "no Docker engine answers; \`docker version\` says why"

umask 022
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
root=$stage/root
mkdir "$root"

# put FILE PLACE [MODE]: a copy, also of what a link leads to.
put() {
  install -D -m "${3:-644}" "$1" "$root$2"
}

# What glibc opens only when it is needed lies beside it: names were looked up like that before 2.34.
late='libnss_files.so.2 libnss_dns.so.2 libresolv.so.2'

# program FILE PLACE: a program and the libraries that it is linked with, each where its loader finds it.
program() {
  case $(head -c 4 "$1" | tail -c 3) in
    ELF) ;;
    *) fail "$1 is a script that starts the program, and no shell is in the image; name the program itself" ;;
  esac
  put "$1" "$2" 755
  # It fails for a program that needs none.
  linked=$(ldd "$1" 2> /dev/null) || return 0
  case $linked in
    *'not found'*) fail "a library of $1 is missing: $linked" ;;
  esac
  for library in $(echo "$linked" | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }'); do
    put "$library" "$library" 755
    case $library in
      */libc.so.6)
        for name in $late; do
          [ ! -e "${library%/*}/$name" ] || put "${library%/*}/$name" "${library%/*}/$name"
        done
        ;;
    esac
  done
}

program "$drctl" /usr/local/bin/drctl
program "$terraform" /usr/local/bin/terraform

for certificates in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem; do
  [ ! -r "$certificates" ] || break
done
[ -r "$certificates" ] || fail "there are no certificates to trust servers by (Debian: apt-get install ca-certificates)"
put "$certificates" /etc/ssl/certs/ca-certificates.crt

printf '%s\n' 'root:x:0:0::/:/nowhere' 'drctl:x:65532:65532::/var/lib/drctl:/nowhere' > "$root/etc/passwd"
printf '%s\n' 'root:x:0:' 'drctl:x:65532:' > "$root/etc/group"
echo 'hosts: files dns' > "$root/etc/nsswitch.conf"
# A checkout that is mounted there belongs to somebody outside, which git would not take.
printf '[safe]\n\tdirectory = /repo\n' > "$root/etc/gitconfig"
mkdir -p "$root/usr/share/drctl/health" "$root/repo" "$root/var/lib" "$root/tmp"
cat > "$root/usr/share/drctl/health/drctl.hcl" << 'RUNBOOK'
service "watch" {}

probe "http" "healthz" {
  url     = "http://127.0.0.1:9464/healthz"
  timeout = "5s"
}
RUNBOOK
chmod 1777 "$root/tmp"

# Whoever builds need not be root, so the owners are told to tar.
pack() {
  tar --file "$stage/root.tar" --format gnu --sort name --mtime @0 --numeric-owner "$@"
}
pack --create --owner 0 --group 0 --directory "$root" .
mkdir -m 700 -p "$stage/state/var/lib/drctl"
pack --append --owner 65532 --group 65532 --directory "$stage/state" ./var/lib/drctl
rm -r "$root"

docker build --quiet --tag "$tag" --file "$here/Dockerfile" "$stage" > /dev/null
# What was forgotten would show here.
said=$(docker run --rm --network none "$tag" --version) || fail "drctl does not run in it"
docker run --rm --network none --entrypoint terraform "$tag" version > "$stage/terraform" 2>&1 ||
  fail "$terraform does not run in it: $(cat "$stage/terraform")"
size=$(docker image inspect --format '{{.Size}}' "$tag" | awk '{ printf "%.0f MB", $1 / 1e6 }')
echo "image $tag: $size, $said, $(head -n 1 "$stage/terraform")"
