"""How scenarios are chosen, played one after the other, and told."""

import argparse
import fnmatch
import os
import pathlib
import signal
import subprocess
import sys
import time
import traceback

from bed import Failed, Skip


def arguments(doc, what, more=lambda parser: None):
    """Reads the command line of a script whose docstring is `doc`; `what` is what a scenario is called."""
    parser = argparse.ArgumentParser(
        description=doc.split("\n", maxsplit=1)[0], epilog=doc.split("\n\n", 2)[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("drctl", type=pathlib.Path, help="the program to test")
    parser.add_argument("--only", default="*", metavar=what, help="the scenarios to play, with * and ?")
    parser.add_argument("--keep", action="store_true", help="keep the folders of the scenarios, with all logs")
    more(parser)
    asked = parser.parse_args()
    if not os.access(asked.drctl, os.X_OK):
        parser.error(f"{asked.drctl}: no program; build it with `make build`")
    asked.drctl = asked.drctl.resolve()
    return asked


def chosen(family, scenarios, asked):
    """Returns the scenarios that are asked for, and says so when there is none."""
    found = {name: what for name, what in scenarios.items() if fnmatch.fnmatch(f"{family}/{name}", asked.only)}
    if not found:
        print(f"no scenario is called `{asked.only}`; there are {family}/{f', {family}/'.join(scenarios)}", file=sys.stderr)
    return found


class Playing:
    """A scenario that is played: what is wrong, and where its folder is."""

    def __init__(self):
        self.wrong, self.folder = [], ""


def play_all(family, scenarios, asked, play):
    """Plays scenarios, each by `play(act, playing)`, which returns what was seen; returns an exit code."""
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, lambda number, _: sys.exit(128 + number))
    found = chosen(family, scenarios, asked)
    if not found:
        return 2
    failed = 0
    for name, (words, act) in found.items():
        began, playing, said = time.monotonic(), Playing(), ""
        try:
            said = play(act, playing)
        except Skip as skip:
            print(f"SKIP {family}/{name}: {skip}", flush=True)
            continue
        except (Failed, subprocess.SubprocessError) as error:
            playing.wrong.append(str(error))
        except Exception:
            # This scenario's failure, and no other's.
            playing.wrong.append(traceback.format_exc())
        where = f", in {playing.folder}" if asked.keep and playing.folder else ""
        took = f"({time.monotonic() - began:.1f}s{where})"
        if playing.wrong:
            failed += 1
            print(f"FAIL {family}/{name}: {words} {took}" + "".join(f"\n  - {line}" for line in playing.wrong), flush=True)
        else:
            print(f"PASS {family}/{name}: {words}: {said} {took}", flush=True)
    return 1 if failed else 0
