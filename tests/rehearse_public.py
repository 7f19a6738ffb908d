#!/usr/bin/env python3
"""Rehearses the root modules of public repositories and says how many came up, and why the others did not.

    tests/rehearse_public.py --from DIR [--clone] [--modules DIR] [--sample N --seed S] > table.md

The repositories are those of `rehearse-public.list`. Each is looked for as DIR/OWNER+NAME/repo,
DIR/OWNER+NAME, DIR/OWNER/NAME.git or DIR/OWNER/NAME, bare or with a work tree; with --clone, one
that is missing is cloned from GitHub into DIR first. Two roots are rehearsed at a time.

What is rehearsed is a copy of the newest commit, without files whose contents are missing (a snapshot
may leave large ones out), and with made-up values for variables that have none. The repositories
themselves are only read.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import fnmatch
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent

# drctl's exit codes: 0 met, 1 missed and 6 unproven all came up. Without a probe, none is ever met.
CAME_UP = {0, 1, 6}
TIMED_OUT = -1

# Why a root did not come up: who is to blame, what it is called, and the words of Terraform or
# drctl that tell. The first that fits counts, so what is certain stands before what is general.
CAUSES = [
    # Conditions on variables that are null are read to their end before Terraform 1.12.
    ("root", "wants another Terraform", r"Unsupported Terraform Core version|variables[\w-]*\.tf:.* (argument must not be null|value is null)"),
    ("root", "does not parse", r"Unclosed configuration block|Argument or block definition required|Invalid block definition"),
    ("root", "asks for what it does not have", r"Unreadable module directory|Reference to undeclared"),
    ("place", "a variable has no value, or none that fits", r"no file exists at \"example\""),
    ("root", "reads a file that is not there", r"no file exists at|no such file or directory"),
    ("root", "has providers of its own in a module", r"Module is incompatible with count|Provider configuration not present"),
    ("root", "cannot tell its keys before an apply", r"Invalid (for_each|count) argument"),
    ("place", "a module is not here", r"Failed to download|Could not download|Error accessing remote module|Module not found"),
    # No simulated type requires anything, so what does is a module's variable.
    ("place", "a module is here in another version", r"Unreadable module subdirectory|Unresolvable module version|No matching version|Missing required argument"),
    ("place", "a variable has no value, or none that fits", r"No value for (required )?variable|Invalid value for (input )?variable"),
    ("gate", "the gate refused the plan", r"\bthe gate refused\b"),
    ("cloud", "a provider was not announced", r"Invalid provider registry host|Failed to query available provider packages"),
    ("cloud", "a condition did not hold for the simulated values", r"(precondition|postcondition|Check block assertion) ?failed"),
    ("cloud", "a simulated value does not fit", r"Error in function call|Invalid function argument|Invalid index|Unsuitable value|Invalid template interpolation|Attempt to (index|get attribute)|Inconsistent conditional|Iteration over"),
    ("cloud", "the schema does not fit", r"Unsupported (argument|attribute|block type)|Incorrect attribute value type|Too (many|few) .* blocks|Provider produced"),
    ("drctl", "cannot be pointed at the region", r"cannot be pointed at"),
]


@dataclasses.dataclass(frozen=True)
class Root:
    """A root module of a repository, and the region that it is rebuilt in."""

    repository: str
    path: str
    region: str


@dataclasses.dataclass(frozen=True)
class Outcome:
    root: Root
    came_up: bool
    blame: str
    cause: str
    words: str
    resources: int
    seconds: float
    # What a second plan would still do, in words; None where none was made.
    left_over: list[str] | None = None


def main():
    asked = arguments()
    if not asked.count and not os.access(asked.drctl, os.X_OK):
        sys.exit(f"{asked.drctl}: no program; build it with `make build`, or give --drctl")
    roots = [
        root
        for repository, globs, region in read_list(asked.list)
        for root in roots_of(asked, repository, globs, region)
    ]
    if asked.sample:
        roots = random.Random(asked.seed).sample(roots, min(asked.sample, len(roots)))
    if asked.count:
        print_count(roots)
        return 0
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="drctl-public-") as scratch, \
            concurrent.futures.ThreadPoolExecutor(asked.parallel) as pool:
        if asked.modules and not asked.modules.exists():
            fill(asked, scratch)
        copies = {
            repository: copy_of(find(asked, repository), pathlib.Path(scratch, repository.replace("/", "_")), of_it)
            for repository, of_it in grouped(roots, lambda root: root.repository)
        }
        for outcome in pool.map(lambda root: rehearse(asked, root, copies[root.repository]), roots):
            outcomes.append(outcome)
            say(f"{len(outcomes)}/{len(roots)} {outcome.root.repository} {outcome.root.path}: {outcome.cause or 'came up'}")
    print_table(outcomes)
    return 0 if all(outcome.came_up for outcome in outcomes) else 1


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--from", dest="place", type=pathlib.Path, required=True, help="where the repositories lie")
    parser.add_argument("--clone", action="store_true", help="clone what does not lie there")
    parser.add_argument("--list", type=pathlib.Path, default=HERE / "rehearse-public.list")
    parser.add_argument("--drctl", default=str(HERE.parent / "target/release/drctl"))
    parser.add_argument("--terraform", help="the Terraform to use; the one on PATH, if not given")
    parser.add_argument("--modules", type=pathlib.Path, help="where registry modules lie; if it is not there, it is filled with what lies in --from")
    parser.add_argument("--time-scale", type=int, help="how much faster than life, handed to drctl")
    parser.add_argument("--sample", type=int, help="rehearse so many, drawn at random")
    parser.add_argument("--seed", type=int, default=1, help="the same seed draws the same sample")
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=600, help="seconds for one root")
    parser.add_argument("--log", type=pathlib.Path, help="keep what drctl printed, one file a root")
    parser.add_argument("--count", action="store_true", help="count the roots and rehearse none")
    return parser.parse_args()


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- The list, the repositories and their roots


def read_list(path):
    """Yields each repository of the list with its globs and its region."""
    region = None
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0] == "region" and len(words) == 2:
            region = words[1]
        elif words[0].startswith("github:") and len(words) > 1 and region:
            yield words[0].removeprefix("github:"), words[1:], region
        else:
            sys.exit(f"{path}:{number}: neither `region NAME` nor `github:OWNER/NAME GLOB…` after one")


def roots_of(asked, repository, globs, region):
    """Returns the folders of a repository that the globs name and that hold Terraform code."""
    place = find(asked, repository)
    if place is None:
        say(f"{repository}: not under {asked.place}")
        return []
    listed = subprocess.run(
        ["git", "-C", place, "ls-tree", "-r", "-z", "--name-only", "--full-tree", "HEAD"],
        check=True, capture_output=True, text=True,
    )
    folders = {str(pathlib.PurePosixPath(f).parent) for f in listed.stdout.split("\0") if f.endswith((".tf", ".tf.json"))}
    wanted = [glob for glob in globs if not glob.startswith("!")]
    unwanted = [glob[1:] for glob in globs if glob.startswith("!")]
    return [
        Root(repository, folder, region)
        for folder in sorted(folders)
        if any(fits(folder, glob) for glob in wanted) and not any(fits(folder, glob) for glob in unwanted)
    ]


def fits(folder, glob):
    """Whether a folder fits a glob part by part, so that `*` stops at a slash."""
    parts, patterns = folder.split("/"), glob.split("/")
    return len(parts) == len(patterns) and all(map(fnmatch.fnmatchcase, parts, patterns))


def find(asked, repository):
    """Returns where the repository lies, cloned if it must and may be; None if it lies nowhere."""
    owner, name = repository.split("/")
    places = [asked.place / f"{owner}+{name}" / "repo", asked.place / f"{owner}+{name}",
              asked.place / owner / f"{name}.git", asked.place / owner / name]
    for place in places:
        if (place / "HEAD").is_file() or (place / ".git").exists():
            return str(place)
    if not asked.clone:
        return None
    say(f"{repository}: cloning")
    address = f"https://github.com/{repository}.git"
    cloned = subprocess.run(["git", "clone", "--quiet", "--bare", "--depth=1", address, places[2]], check=False)
    return str(places[2]) if cloned.returncode == 0 else None


# ---- What is rehearsed: copies


def git(place, *arguments, given=None, index=None):
    environment = {**os.environ, "GIT_INDEX_FILE": str(index)} if index else None
    done = subprocess.run(["git", "--git-dir", git_dir(place), *arguments], input=given, env=environment,
                          check=True, capture_output=True, text=True, errors="replace")
    return done.stdout


def git_dir(place):
    return str(next((p for p in [pathlib.Path(place, ".git")] if p.exists()), place))


def copy_of(place, copy, roots):
    """Commits what of the newest commit is there, and values for the roots, to a repository of its own."""
    commit = git(place, "rev-parse", "HEAD").strip()
    git(copy, "init", "--quiet", "--bare")
    (copy / "objects/info/alternates").write_text(f"{pathlib.Path(git_dir(place), 'objects').resolve()}\n")
    index = copy / "index"
    git(copy, "read-tree", commit, index=index)
    listed = [line.split("\t", 1) for line in git(copy, "ls-tree", "-r", "-z", commit).split("\0") if line]
    # A submodule is a commit of another repository, which has no contents here.
    files = [(entry.split()[2], path) for entry, path in listed if entry.split()[1] == "blob"]
    known = git(copy, "cat-file", "--batch-check", given="".join(f"{blob}\n" for blob, _ in files)).splitlines()
    missing = [path for (_, path), told in zip(files, known, strict=True) if told.endswith(" missing")]
    # To git, an entry of mode 0 is one to take out of the index.
    changes = [f"0 {'0' * 40}\t{path}\0" for path in missing]
    for root in roots:
        values = values_for(root, code_of(copy, commit, root.path, set(missing)))
        if values:
            blob = git(copy, "hash-object", "-w", "--stdin", given=json.dumps(values)).strip()
            name = str(pathlib.PurePosixPath(root.path, "zz_made_up.auto.tfvars.json"))
            changes.append(f"100644 {blob}\t{name}\0")
    git(copy, "update-index", "-z", "--index-info", given="".join(changes), index=index)
    tree = git(copy, "write-tree", index=index).strip()
    who = ["-c", "user.name=drctl", "-c", "user.email=drctl@localhost"]
    git(copy, "update-ref", "HEAD", git(copy, *who, "commit-tree", "-m", f"{commit}, to be rehearsed", tree).strip())
    return copy


def code_of(place, commit, folder, missing):
    """Returns the text of the `.tf` files of a folder."""
    inside = [] if folder == "." else [f"{folder}/"]
    names = git(place, "ls-tree", "-z", "--name-only", commit, *inside).split("\0")
    wanted = [name for name in names if name.endswith(".tf") and name not in missing]
    return "\n".join(git(place, "cat-file", "blob", f"{commit}:{name}") for name in wanted)


def values_for(root, code):
    """Makes values up for the variables without a default, by their types and names."""
    values = {}
    for name, body in re.findall(r'^variable\s+"?([\w-]+)"?\s*\{(.*?)^\}', code, re.MULTILINE | re.DOTALL):
        if re.search(r"^\s*default\s*=", body, re.MULTILINE):
            continue
        kind = re.search(r'^\s*type\s*=\s*"?(\w+)', body, re.MULTILINE)
        kind = kind[1] if kind else "string"
        plain = {"number": 1, "bool": False, "list": [], "set": [], "tuple": [], "map": {}, "object": {}}
        values[name] = plain.get(kind, made_up(name, root.region))
    return values


def made_up(name, region):
    """Returns a string that looks like what a variable of this name holds."""
    google = re.fullmatch(r"[a-z]+-[a-z]+\d", region)
    table = [
        ("project", "example-project"), ("cidr|range|subnet_ip", "10.42.0.0/16"),
        ("zone_id|hosted_zone", "Z0123456789ABCDEFGHIJ"), ("region|location", region),
        ("zone", f"{region}-a" if google else f"{region}a"), ("email|account_name", "someone@example.com"),
        ("domain|dns_name|host", "example.com"), ("organi[sz]ation|org_id|folder|account|billing", "123456789012"),
        ("arn", f"arn:aws:iam::123456789012:role/{name.replace('_', '-')}"), ("vpc", "vpc-0123456789abcdef0"),
        ("subnet", "subnet-0123456789abcdef0"), ("url|uri", "https://example.com"),
    ]
    return next((value for pattern, value in table if re.search(pattern, name)), "example")


def fill(asked, scratch):
    """Fills the folder of modules with the repositories that are named as those of modules are."""
    for place in sorted(asked.place.iterdir()):
        if re.fullmatch(r"[^+]+\+terraform-[a-z]+-[\w-]+", place.name) and "-provider-" not in place.name:
            copy = copy_of(find(asked, place.name.replace("+", "/")), pathlib.Path(scratch, f"module-{place.name}"), [])
            (asked.modules / place.name).mkdir(parents=True)
            with subprocess.Popen(["git", "--git-dir", copy, "archive", "HEAD"], stdout=subprocess.PIPE) as archive:
                subprocess.run(["tar", "-x", "-C", asked.modules / place.name], stdin=archive.stdout, check=True)


# ---- One rehearsal


def rehearse(asked, root, repository):
    """Rehearses one root in a home of its own, which is removed with all that was made."""
    with tempfile.TemporaryDirectory(prefix="drctl-public-") as home:
        began = time.monotonic()
        code, printed, report = call_drctl(asked, root, repository, home)
        seconds = time.monotonic() - began
    if asked.log:
        asked.log.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^\w.-]+", "+", f"{root.repository}/{root.path}")
        (asked.log / f"{name}.log").write_text(printed)
    made = sum(1 for r in report.get("resources", []) if r.get("action") == "create" and r.get("ok"))
    # What a failover would be refused for does not keep a rehearsal from coming up.
    if code in CAME_UP or report.get("obstacles") and report.get("outcome") in ("recovered", "unverified"):
        return Outcome(root, True, "", "", "", made, seconds, left_over(report))
    words = first_words(report, printed)
    blame = at_its_place(root, repository, words) or why(code, report, words)
    return Outcome(root, False, *blame, words, made, seconds)


def left_over(report):
    """Returns what the second plans would still do; None if there was none."""
    plans = report.get("second_plans") or []
    found = [f"{action} {address}" for plan in plans for address, action in plan["changes"].items()]
    return found + [": ".join(plan["cause"]) for plan in plans if plan["cause"]] if plans else None


def call_drctl(asked, root, repository, home):
    """Returns the exit code, all that was printed, and the report; the only place that knows the command line."""
    environment = {name: value for name, value in os.environ.items() if harmless(name)}
    environment["DRCTL_HOME"] = home
    if asked.terraform:
        # drctl takes the first on PATH.
        aside = pathlib.Path(home, "bin")
        aside.mkdir()
        (aside / "terraform").symlink_to(pathlib.Path(asked.terraform).resolve())
        environment["PATH"] = f"{aside}:{environment['PATH']}"
    command = [asked.drctl, "rehearse", "--repo", str(repository), "--stack", root.path,
               "--region", root.region, "--rto", "8h", "--json"]
    if asked.modules:
        command += ["--modules", str(asked.modules.resolve())]
    if asked.time_scale:
        command += ["--time-scale", str(asked.time_scale)]
    code, printed = run(command, environment, asked.timeout)
    told = subprocess.run([asked.drctl, "report", "--json"], env=environment, capture_output=True, text=True, check=False)
    try:
        report = json.loads(told.stdout)
    except ValueError:
        report = {}  # It did not come to a run: what was printed says why.
    return code, printed, report


def harmless(name):
    """What must not reach a stranger's code, not even a rehearsed one: accounts, and settings of Terraform."""
    return not name.startswith(("AWS_", "GOOGLE_", "GCLOUD_", "CLOUDSDK_", "ARM_", "AZURE_", "TF_", "DRCTL_"))


def run(command, environment, timeout):
    """Returns the exit code and all that was printed; when the time is up, interrupts, and kills what stays."""
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True) as child:
        try:
            printed, _ = child.communicate(timeout=timeout)
            return child.returncode, printed
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGINT)
        try:
            printed, _ = child.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            printed, _ = child.communicate()
        return TIMED_OUT, printed


# ---- Why it did not come up


def first_words(report, printed):
    """Returns what went wrong, on one line: of the first step that failed or was refused, else of drctl itself."""
    for step in report.get("steps", []):
        outcome = step.get("outcome") or {}
        if outcome.get("is") == "failed":
            return ": ".join(outcome["cause"])
        if outcome.get("is") == "refused":
            refusals = [f"{r.get('address') or 'the plan'}: {r.get('detail')}" for r in step.get("refusals", [])]
            return "; ".join(["the gate refused", *refusals])
    # What drctl tells begins with `error:`; the notes of its parts stand indented below.
    lines = [line for line in printed.splitlines() if line.strip() and not line.startswith("{")]
    told = [i for i, line in enumerate(lines) if line.startswith("error:")]
    return " ".join(line.strip() for line in lines[told[-1] if told else -2 :][:3])


def at_its_place(root, copy, words):
    """Returns who is to blame for a failure, where the line of code that it names tells; else None."""
    named = re.search(r"([\w-]+\.tf):(\d+):\d+:", words)
    if not named or named.start() and words[named.start() - 1] == "/":
        return None  # In another module than the root.
    code = git(copy, "cat-file", "blob", f"HEAD:{pathlib.PurePosixPath(root.path, named[1])}").splitlines()
    upto = code[: int(named[2])]
    block = next((line for line in reversed(upto) if re.match(r"\w+\b.*\{\s*$", line)), "")
    asks_module = block.startswith("module") and "Unsupported argument" in words
    reads_module = "module." in upto[-1] and "Unsupported attribute" in words
    if asks_module or reads_module:
        return "place", "a module is here in another version"
    made_up = values_for(root, code_of(copy, "HEAD", root.path, set()))
    if any(name in made_up for name in re.findall(r"\bvar\.([\w-]+)", upto[-1])):
        return "place", "a variable has no value, or none that fits"
    return None


def why(code, report, words):
    """Returns who is to blame for a failure and what it is called."""
    if code == TIMED_OUT:
        return "drctl", "took too long"
    if re.search(r"panicked at", words) or code < 0 or code > 6:
        return "drctl", "drctl broke"
    for blame, cause, pattern in CAUSES:
        if re.search(pattern, words, re.IGNORECASE):
            return blame, cause
    if code == 4:
        return "gate", "the gate refused the plan"
    return ("?", "something else") if report.get("steps") else ("drctl", "no run began")


# ---- The tables


def print_table(outcomes):
    """Prints a row for each repository, the failures one by one, and the totals by cause."""
    print("| Repository | Roots | Came up | Resources | Failures |\n|---|---:|---:|---:|---|")
    for repository, of_it in grouped(outcomes, lambda outcome: outcome.root.repository):
        causes = collections.Counter(outcome.cause for outcome in of_it if not outcome.came_up)
        failures = ", ".join(f"{cause} ({n})" if n > 1 else cause for cause, n in causes.most_common())
        print(f"| {repository} | {figures(of_it)} | {failures} |")
    print(f"| **all** | {figures(outcomes)} | |")

    failed = [outcome for outcome in outcomes if not outcome.came_up]
    if failed:
        print("\n| To blame | Cause | Roots | For example |\n|---|---|---:|---|")
        causes = grouped(failed, lambda outcome: (outcome.blame, outcome.cause))
        for (blame, cause), of_it in sorted(causes, key=lambda item: -len(item[1])):
            root = of_it[0].root
            print(f"| {blame} | {cause} | {len(of_it)} | {root.repository} `{root.path}` |")
        print("\n| Root | To blame | Words |\n|---|---|---|")
        for outcome in failed:
            print(f"| {outcome.root.repository} `{outcome.root.path}` | {outcome.blame} | {cell(outcome.words)} |")

    unclean = [outcome for outcome in outcomes if outcome.left_over]
    if unclean:
        print("\n| Root that came up | A second plan would |\n|---|---|")
        for outcome in unclean:
            print(f"| {outcome.root.repository} `{outcome.root.path}` | {cell(', '.join(outcome.left_over))} |")

    fair = [outcome for outcome in outcomes if outcome.blame not in ("root", "place")]
    came_up = sum(outcome.came_up for outcome in fair)
    share = f", {came_up / len(fair):.0%}" if fair else ""
    print(f"\nOf the {len(fair)} roots where drctl decides the outcome, {came_up} came up{share}.")
    planned = [outcome for outcome in outcomes if outcome.left_over is not None]
    if planned:
        clean = len(planned) - len(unclean)
        print(f"Of the {len(planned)} that came up and were planned again, {clean} had nothing left to do, {clean / len(planned):.0%}.")
    print("To blame: `root` is the root module itself, `place` what is missing on this machine, `gate` the gate, "
          "`cloud` the simulated cloud, `drctl` the rest of drctl, `?` nobody knows yet.")


def figures(outcomes):
    resources = sum(outcome.resources for outcome in outcomes)
    return f"{len(outcomes)} | {sum(outcome.came_up for outcome in outcomes)} | {resources}"


def print_count(roots):
    print("| Repository | Fallback | Roots |\n|---|---|---:|")
    for (repository, region), of_it in grouped(roots, lambda root: (root.repository, root.region)):
        print(f"| {repository} | {region} | {len(of_it)} |")
    print(f"| **all** | | {len(roots)} |")


def grouped(items, key):
    """Returns the items by key, keys in the order in which they first come."""
    groups = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.items())


def cell(words, longest=200):
    """Returns words that fit into a cell of a table."""
    words = " ".join(words.replace("|", "\\|").split())
    return words if len(words) <= longest else f"{words[:longest]}…"


if __name__ == "__main__":
    sys.exit(main())
