#!/bin/sh
# Says what drctl cannot be built, tested or shown without, and what to do about it.
set -u
missing=0
need() { # need TOOL WHAT-TO-DO
  command -v "$1" >/dev/null 2>&1 && return
  echo "missing: $1. $2" >&2
  missing=1
}
need cargo "Install Rust 1.90 or newer: https://rustup.rs"
need cc "Install a C compiler (Debian: apt-get install build-essential)"
need git "Install git (Debian: apt-get install git)"
need terraform "Put Terraform 1.5 or newer on PATH: https://developer.hashicorp.com/terraform/install"
pkg-config --exists openssl 2>/dev/null || need perl "Install perl, which builds OpenSSL, or OpenSSL's headers (Debian: apt-get install libssl-dev pkg-config)"
exit $missing
