#!/bin/sh
# Fails a service of four stacks over to another region, for real: what Terraform's
# provisioners build are folders and files under a temporary folder.
set -eu
drctl=$(realpath "$1")
here=$(realpath "$(dirname "$0")/..")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
export DRCTL_HOME="${DRCTL_HOME:-$here/target/demo}"

cp -R "$here/fixtures/repos/shop" "$place/shop"
cd "$place/shop"
sed -i "s|/tmp/drctl-shop|$place/site|" regions/ap-northeast-2.tfvars
# The newest order is a minute old, so that the recovery point is one that can be met.
echo "$(date -u -d '-1 minute' +%Y-%m-%dT%H:%M:%SZ),customer-00,100" >> backup/orders.csv
git init -q
git add .
git -c user.name=demo -c user.email=demo@localhost commit -q -m "The shop"

say() { printf "\n$ %s\n" "$*"; }
say "drctl failover --region ap-northeast-2 --dry-run"
"$drctl" failover --region ap-northeast-2 --dry-run
digest=$("$drctl" failover --region ap-northeast-2 --dry-run --json | sed -n 's/.*"digest": *"\([0-9a-f]*\)".*/\1/p')
say "drctl failover --region ap-northeast-2 --yes --expect-plan $digest --again"
"$drctl" failover --region ap-northeast-2 --yes --expect-plan "$digest" --again
say "cat current/*/health"
cat "$place"/site/current/*/health
