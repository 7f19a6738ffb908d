#!/bin/sh
# Runs the scenarios on real components: all of them, or those of one name, with `*` and `?`.
#
#   tests/real/run.sh target/release/drctl                 all
#   tests/real/run.sh target/release/drctl 'chaos/docker*'
#   tests/real/run.sh target/release/drctl image/watch
#   tests/real/run.sh target/release/drctl 'compose/*'
#   tests/real/run.sh target/release/drctl 'kong/*'
#   tests/real/run.sh target/release/drctl 'drill/*'
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
case $only in
  chaos/* | compose/* | container/* | drill/* | registry/* | kong/* | image/*) ;;
  *) "$here/aws_failover.py" "$drctl" ${only:+--only "$only"} || code=$? ;;
esac
case $only in
  '' | drill/*) "$here/aws_drill.py" "$drctl" ${only:+--only "$only"} || code=$? ;;
esac
case $only in
  '' | chaos/*) "$here/chaos_monkey.py" "$drctl" ${only:+--only "$only"} || code=$? ;;
esac
case $only in
  '' | kong/*) "$here/chaos_kong.py" "$drctl" ${only:+--only "$only"} || code=$? ;;
esac
case $only in
  '' | image/*) "$here/watch_image.py" "$drctl" ${only:+--only "$only"} || code=$? ;;
esac
case $only in
  '' | compose/* | container/* | registry/*) "$here/deploy_docker.py" "$drctl" ${only:+--only "$only"} || code=$? ;;
esac
exit "$code"
