#!/bin/sh
# Rehearses the worked example: its primary region is down, and all of it is rebuilt in
# the fallback by the real terraform, on a simulated cloud.
set -eu
drctl=$(realpath "$1")
here=$(realpath "$(dirname "$0")/..")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
export DRCTL_HOME="${DRCTL_HOME:-$here/target/demo}"

cp -R "$here/terraform" "$place/shop"
cd "$place/shop"
git init -q
git add .
git -c user.name=demo -c user.email=demo@localhost commit -q -m "The shop"

say() { printf '\n$ %s\n' "$*"; }
say "drctl rehearse --region ap-northeast-2 --time-scale 200"
"$drctl" rehearse --region ap-northeast-2 --time-scale 200
