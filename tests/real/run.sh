#!/bin/sh
# Runs the scenarios on real components: all of them, or those of one name, with `*` and `?`.
#
#   tests/real/run.sh target/release/drctl                 all
#   tests/real/run.sh target/release/drctl 'chaos/docker*'
#   tests/real/run.sh target/release/drctl image/watch
#   tests/real/run.sh target/release/drctl 'helm/*'
#   tests/real/run.sh target/release/drctl 1.8.4/hang
#
# One that stands on something that cannot be had here is skipped by its name, with the reason.
set -u

drctl=$1
only=${2:-}
here=$(cd "$(dirname "$0")" && pwd)

if ! command -v python3 > /dev/null; then
  echo "SKIP all: there is no python3; install Python 3.9 or newer"
  exit 0
fi
code=0
found=

# play SCRIPT FAMILY…
play() {
  script=$1
  shift
  for family; do
    case $only in
      '' | "$family"/*)
        found=yes
        "$here/$script" "$drctl" ${only:+--only "$only"} || code=$?
        return
        ;;
    esac
  done
}

play aws_drill.py drill
play aws_prepare.py prepare
play chaos_monkey.py chaos
play chaos_kong.py kong
play watch_image.py image
play deploy_docker.py container compose registry
play deploy_dns.py dns
play deploy_kubernetes.py kubernetes
play deploy_helm.py helm
play deploy_region.py region
# The others are of a version of Terraform each, such as 1.8.4.
if [ -z "$only" ] || [ -z "$found" ]; then
  "$here/aws_failover.py" "$drctl" ${only:+--only "$only"} || code=$?
fi
exit "$code"
