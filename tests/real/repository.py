"""Makes the repositories of scenarios."""

import pathlib
import subprocess
import sys

# No cache of bytecode is left in the repository.
sys.dont_write_bytecode = True

WHO = ("-c", "user.name=test", "-c", "user.email=test@localhost")


def commit(folder, files=None, message="The service"):
    """Commits all that is in a folder, with these files, each a text by its path; makes it a repository first.

    There is a new commit also where nothing changed.
    """
    for path, text in (files or {}).items():
        file = pathlib.Path(folder) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--allow-empty", "--message", message]):
        subprocess.run(["git", *WHO, *command], cwd=folder, check=True)
