#!/bin/sh
# Fuzzes for some seconds, and says what was found:
#
#   tests/fuzz/run.sh [SECONDS [TARGET]]
#
# A target is `parse` or `validate`: what it does stands at the top of its file.
#
# Starts from the seeds beside it and from what earlier runs learned, which lies in target/fuzz.
# Exits with 1 after a crash, a hang or a leak, and says how to see it again.
#
# It needs no nightly toolchain: RUSTC_BOOTSTRAP lets a stable one take the sanitizer's flags.
set -eu

fail() {
  echo "run.sh: $*" >&2
  exit 2
}

seconds=${1:-60}
target=${2:-parse}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${CARGO_TARGET_DIR:-$root/target}/fuzz
learned=$build/learned/$target
found=$build/found/$target
host=$(rustc -vV | sed -n 's/^host: //p')
export RUSTC_BOOTSTRAP=1 CARGO_INCREMENTAL=0
# One thread, so that an input does the same every time; a sanitizer makes frames some times larger.
export RAYON_NUM_THREADS=1 RUST_MIN_STACK=33554432

command -v c++ >/dev/null || fail "there is no C++ compiler; install one (Debian: apt-get install g++)"
if ! cargo fuzz --version >/dev/null 2>&1; then
  echo "There is no cargo-fuzz on this machine; installing it takes a minute." >&2
  cargo install --locked cargo-fuzz || fail "cargo-fuzz could not be installed; try \`cargo install cargo-fuzz\`"
fi

# The versions that drctl is built with.
cp "$root/Cargo.lock" "$here/Cargo.lock"
cargo fuzz build --strip-dead-code --fuzz-dir "$here" --target-dir "$build" "$target" || fail "it does not build"

mkdir -p "$learned" "$found"
# One input may take 5 s and 2 GB, and be as long as a file of some hundred lines.
if "$build/$host/release/$target" \
  -max_total_time="$seconds" -max_len=8192 -timeout=5 -rss_limit_mb=2048 \
  -dict="$here/tf.dict" -artifact_prefix="$found/" -print_final_stats=1 -print_funcs=0 -verbosity=0 \
  "$learned" "$here/seeds"
then
  echo "Nothing found in ${seconds} s."
else
  echo "Found something: see above, and the input in $found." >&2
  echo "Run it alone:  $build/$host/release/$target INPUT" >&2
  echo "Make it short: $build/$host/release/$target -minimize_crash=1 -runs=100000 INPUT" >&2
  exit 1
fi
