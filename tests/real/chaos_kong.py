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

import contextlib
import fnmatch
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "testbed"))
# No cache of bytecode is left in the repository.
sys.dont_write_bytecode = True

import kong_aws
import kong_docker
from bed import Skip, component
from scenarios import arguments, play_all

SCENARIOS = {**kong_aws.SCENARIOS, **kong_docker.SCENARIOS}


def main():
    asked = arguments(__doc__, "kong/SCENARIO")
    with_boto3(asked)

    def play(act, playing):
        asked.wrong = playing.wrong
        return act(asked)

    return play_all("kong", SCENARIOS, asked, play)


def with_boto3(asked):
    """Goes on in moto's environment, where boto3 lies, when AWS is asked."""
    if not any(name.startswith("aws") and fnmatch.fnmatch(f"kong/{name}", asked.only) for name in SCENARIOS):
        return
    with contextlib.suppress(Skip):
        moto = component("moto.sh")
        if pathlib.Path(sys.prefix).resolve() != moto.parent.resolve():
            os.execv(moto / "python", [str(moto / "python"), __file__, *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
