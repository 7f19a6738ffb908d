#!/usr/bin/env python3
"""Checks documents of SARIF against the schema of SARIF 2.1.0, and what the schema cannot say.

    drctl validate --format sarif | tests/sarif_check.py -
    tests/sarif_check.py FILE...

It prints a line for each mistake and one for each document that has none, and exits with 1 when there was
a mistake. The schema and the reader of it come from `testbed/sarif_schema.sh`.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

# Of RFC 3986, without the parts of a URI that a path of a file never has.
RELATIVE_URI = r"([A-Za-z0-9._~/-]|%[0-9A-Fa-f]{2})+"


def mistakes(document, schema):
    """Yields what is wrong with a document, each as a line."""
    import jsonschema

    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    for error in validator(schema, format_checker=validator.FORMAT_CHECKER).iter_errors(document):
        yield f"{error.json_path}: {error.message[:200]}"
    for run in document.get("runs", []):
        rules = run["tool"]["driver"].get("rules", [])
        codes = [rule["id"] for rule in rules]
        if len(set(codes)) != len(codes):
            yield "two rules have the same id"
        for number, result in enumerate(run.get("results", [])):
            where = f"result {number}"
            index = result.get("ruleIndex")
            if index is not None and (index >= len(codes) or codes[index] != result["ruleId"]):
                yield f"{where}: ruleIndex is not that of {result['ruleId']}"
            for location in values(result, {"artifactLocation"}):
                if not re.fullmatch(RELATIVE_URI, location["uri"]):
                    yield f"{where}: {location['uri']} is not a relative URI"
            for region in values(result, {"region", "deletedRegion"}):
                start = region["startLine"], region.get("startColumn", 1)
                end = region.get("endLine", start[0]), region.get("endColumn", start[1])
                if end < start:
                    yield f"{where}: a region ends at {end}, before it begins at {start}"


def values(tree, keys):
    """Yields the value of every such key in a document."""
    if isinstance(tree, dict):
        for key, inner in tree.items():
            if key in keys:
                yield inner
            yield from values(inner, keys)
    elif isinstance(tree, list):
        for inner in tree:
            yield from values(inner, keys)


def main(files):
    testbed = pathlib.Path(__file__).resolve().parent / "testbed"
    place = pathlib.Path(subprocess.check_output([testbed / "sarif_schema.sh"], text=True).strip())
    python = place / "bin" / "python"
    if pathlib.Path(sys.prefix).resolve() != place.resolve():
        os.execv(python, [str(python), *sys.argv])
    schema = json.loads((place / "sarif-2.1.0.json").read_text())
    wrong = False
    for file in files:
        text = sys.stdin.read() if file == "-" else pathlib.Path(file).read_text()
        found = list(mistakes(json.loads(text), schema))
        wrong = wrong or bool(found)
        print("\n".join(f"{file}: {mistake}" for mistake in found) or f"{file}: valid")
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
