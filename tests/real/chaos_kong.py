#!/usr/bin/env python3
"""Lets Chaos Kong make a region dark for real, and holds what drctl says against what happened.

    tests/real/chaos_kong.py target/release/drctl [--only 'kong/aws*'] [--keep]

A service is built in one region and watched; `drctl chaos kong --real` makes that region dark by the programs
of the runbook, the watch notices, the service is failed over and verified, and the region is light again:

    aws-refuse, aws-hang, aws-503   the shop of `shop/` on a simulated AWS (moto) whose region is cut off in that
                                    way by a proxy, with the provider hashicorp/aws and the Terraform on PATH
    aws-killed                      drctl is killed with -9 while the region is dark and the failover goes on
    aws-interrupted                 drctl gets a SIGINT there
    docker                          two Docker engines stand for two regions: the containers of one are killed,
                                    and its dockerd hangs

It prints a line a scenario, PASS, FAIL or SKIP, and exits with 1 when one has failed. Engines take root and
Debian's packages (`tests/testbed/engine.py`), AWS takes moto and the provider from PyPI.
"""

import argparse
import contextlib
import fnmatch
import os
import pathlib
import signal
import subprocess
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "testbed"))
# No cache of bytecode is left in the repository.
sys.dont_write_bytecode = True

import kong_aws
import kong_docker
from bed import Failed, Skip, component

SCENARIOS = {**kong_aws.SCENARIOS, **kong_docker.SCENARIOS}


def main():
    asked = arguments()
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, lambda number, _: sys.exit(128 + number))
    chosen = {name: what for name, what in SCENARIOS.items() if fnmatch.fnmatch(f"kong/{name}", asked.only)}
    if not chosen:
        print(f"no scenario is called `{asked.only}`; there are kong/{', kong/'.join(SCENARIOS)}", file=sys.stderr)
        return 2
    with_boto3(chosen)
    failed = 0
    for name, (words, play) in chosen.items():
        began = time.monotonic()
        wrong = asked.wrong = []
        said = ""
        try:
            said = play(asked)
        except Skip as skip:
            print(f"SKIP kong/{name}: {skip}", flush=True)
            continue
        except (Failed, subprocess.TimeoutExpired) as error:
            wrong.append(str(error))
        except Exception:
            wrong.append(traceback.format_exc())
        took = f"({time.monotonic() - began:.1f}s)"
        if wrong:
            failed += 1
            print(f"FAIL kong/{name}: {words} {took}" + "".join(f"\n  - {line}" for line in wrong), flush=True)
        else:
            print(f"PASS kong/{name}: {words}: {said} {took}", flush=True)
    return 1 if failed else 0


def with_boto3(chosen):
    """Goes on in moto's environment, where boto3 lies, when AWS is asked."""
    if not any(name.startswith("aws") for name in chosen):
        return
    with contextlib.suppress(Skip):
        moto = component("moto.sh")
        if pathlib.Path(sys.prefix).resolve() != moto.parent.resolve():
            os.execv(moto / "python", [str(moto / "python"), __file__, *sys.argv[1:]])


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n", maxsplit=1)[0], epilog=__doc__.split("\n\n", 2)[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("drctl", type=pathlib.Path, help="the program to test")
    parser.add_argument("--only", default="*", metavar="kong/SCENARIO", help="the scenarios to play, with * and ?")
    parser.add_argument("--keep", action="store_true", help="keep the folders of the scenarios, with all logs")
    asked = parser.parse_args()
    if not os.access(asked.drctl, os.X_OK):
        parser.error(f"{asked.drctl}: no program; build it with `make build`")
    asked.drctl = asked.drctl.resolve()
    return asked


if __name__ == "__main__":
    sys.exit(main())
