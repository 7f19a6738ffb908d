"""Starts image registries that leave nothing behind.

    with Registry(component("registry.sh"), "seoul") as seoul:
        there = engine.push("web:1", seoul)        # 127.0.0.1:PORT/web:1
        seoul.digest("web:1")                      # sha256:…, or None where it is not there
        seoul.stop()
        seoul.start()

It speaks HTTP on 127.0.0.1, which Docker allows for that network without being told. Takes root. Python's
standard library only.
"""

import base64
import contextlib
import json
import signal
import sys
import urllib.error
import urllib.request

# No cache of bytecode is left in the repository.
sys.dont_write_bytecode = True

from kept import Kept, answers, free_ports

PROGRAM = "docker-registry"
# Who may use one that is locked. The line is what `htpasswd -B` makes of the two: a registry takes no other hash.
USER, PASSWORD = "drctl", "open-sesame"
LOGIN = f"{USER}:$2b$04$drctldrctldrctldrctlde6FWiKguQivScztnTEV0JvOg.jQStktO\n"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class Registry(Kept):
    """A registry with a storage of its own. A locked one asks for `user` and `password`."""

    def __init__(self, programs, name="registry", locked=False):
        """Takes the folder that `registry.sh` printed."""
        super().__init__(programs, name)
        self.locked, self.user, self.password = locked, USER, PASSWORD

    def open(self):
        super().open()
        (port,) = free_ports(1)
        self.host = f"127.0.0.1:{port}"
        configuration = {
            "version": "0.1",
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(self.folder / "storage")}, "delete": {"enabled": True}},
            "http": {"addr": self.host, "secret": "one registry has one"},
        }
        if self.locked:
            (self.folder / "logins").write_text(LOGIN, encoding="utf-8")
            configuration["auth"] = {"htpasswd": {"realm": self.name, "path": str(self.folder / "logins")}}
        file = self.folder / "config.yml"
        # JSON is YAML, too.
        file.write_text(json.dumps(configuration), encoding="utf-8")
        self.launch(PROGRAM, lambda: answers(port), 10, "serve", file)

    def start(self, name=PROGRAM):
        super().start(name)

    def stop(self, name=PROGRAM, number=signal.SIGKILL):
        super().stop(name, number)

    def digest(self, image):
        """Returns the digest of an image, such as `web:1`, or None where it is not there."""
        name, _, tag = image.partition(":")
        with contextlib.suppress(FileNotFoundError):
            return self.ask("HEAD", f"{name}/manifests/{tag or 'latest'}")["Docker-Content-Digest"]
        return None

    def delete(self, image):
        """Deletes an image, so that whoever pulls it is told that there is none."""
        self.ask("DELETE", f"{image.partition(':')[0]}/manifests/{self.digest(image)}")

    def ask(self, method, path):
        """Asks its API, and returns the header of the answer. FileNotFoundError where there is no such thing."""
        request = urllib.request.Request(f"http://{self.host}/v2/{path}", method=method, headers={"Accept": MANIFEST})
        if self.locked:
            login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            request.add_header("Authorization", f"Basic {login}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as answer:
                return answer.headers
        except urllib.error.HTTPError as error:
            if error.code == 404:
                raise FileNotFoundError(f"{self.name} has no {path}") from None
            raise
