#!/usr/bin/env python3
"""Plays the whole of the worked example: git, stacks, image, cluster, release, verification.

    tests/demo_app.py target/release/drctl

The stacks are built on the simulated cloud by the real terraform. What runs on them is real: an image is built
from nothing and pushed to a registry, the objects and the release are brought up in a Kubernetes cluster that
stands for the one that the stacks made, and the shop is asked over HTTP. The testbed makes the engine, the
registry and the cluster, the first time from source, which takes ten minutes; it takes root.

Where they cannot be had, that is said, and the same is played without them. Python's standard library only.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "testbed"), str(HERE / "real")]
# No cache of bytecode is left in the repository.
sys.dont_write_bytecode = True

from engine import Cluster, Failed, Skip, component, free_ports
from registry import Registry
from repository import commit

ACCOUNT = "123456789012"
REGION = "ap-northeast-2"
# The registry of the region, as the stacks name it.
ECR = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"


def repository(place, helm_values=None):
    """Makes a repository of the worked example."""
    shop = place / "shop"
    shutil.copytree(HERE.parent / "terraform", shop)
    own = {} if helm_values is None else {f"regions/{REGION}.yaml": json.dumps(helm_values)}
    commit(shop, own, "The shop")
    return shop


def rehearse(drctl, shop, place, env, *more):
    """Rehearses it, and returns the exit code."""
    values = place / "values.json"
    values.write_text(json.dumps({"data.aws_caller_identity": {"account_id": ACCOUNT}}), encoding="utf-8")
    command = ["drctl", "rehearse", "--region", REGION, "--time-scale", "200", *more]
    print("\n$", " ".join(command), flush=True)
    home = os.environ.get("DRCTL_HOME", str(HERE.parent / "target/demo"))
    return subprocess.run(
        [drctl, *command[1:], "--values", values, "--no-second-plan"], cwd=shop,
        env={**os.environ, **env, "DRCTL_HOME": home}, check=False,
    ).returncode


def for_real(drctl, place):
    docker, kubernetes, helm = component("docker.sh"), component("kubernetes.sh"), component("helm.sh", "4.1")
    port = free_ports(1)[0]
    shop = repository(place, {"replicas": 1, "port": port, "onLoopback": True})
    with Registry(component("registry.sh"), "seoul") as registry, Cluster(docker, kubernetes, "seoul") as cluster:
        image = f"{registry.host}/shop/workers:1.0"
        print(f"$ bin/build-image {image}", flush=True)
        cluster.run(shop / "bin/build-image", image)
        env = {"PATH": f"{helm}:{os.environ['PATH']}", "DOCKER_CONFIG": cluster.env["DOCKER_CONFIG"]}
        return rehearse(
            drctl, shop, place, env, "--at", f"eks={cluster.kubeconfig}", "--replace", f"{ECR}={registry.host}",
            "--ask", f"front=http://127.0.0.1:{port}/health",
        )


def main():
    drctl = pathlib.Path(sys.argv[1]).resolve()
    place = pathlib.Path(tempfile.mkdtemp(prefix="drctl-demo-"))
    try:
        return for_real(drctl, place)
    except (Failed, Skip) as error:
        print(f"\nThe application is only played: {error}", file=sys.stderr)
        played = place / "played"
        played.mkdir()
        return rehearse(drctl, repository(played), played, {})
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
