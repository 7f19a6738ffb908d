"""Runs programs that leave nothing behind: engines, clusters and registries are made of this.

All of one runs in a mount namespace of its own, in which `/run`, `/var/lib`, `/var/log` and what a kubelet
sets in the kernel are its own files; all of these are in one temporary folder. A keeper ends and deletes it
all, also when what started it was killed. Takes root. Python's standard library only.
"""

import contextlib
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "real"))
# No cache of bytecode is left in the repository.
sys.dont_write_bytecode = True

from bed import Failed, Skip, last_line, read, shown

# Where programs put files whatever they are told. In the namespace these are folders of its own.
# `/run` is first, since `mount` itself notes there what it does.
OWN = ("/run", "/var/lib", "/var/log")
# What the kubelet sets in the kernel of the whole machine. In the namespace these are files, and set already.
KERNEL = {
    "vm/overcommit_memory": 1, "vm/panic_on_oom": 0, "kernel/panic": 10, "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000, "kernel/keys/root_maxbytes": 25000000,
}
# Ports that were given away in this process and may not be listened on yet.
GIVEN = set()
GIVING = threading.Lock()


class Kept:
    """Programs in a mount namespace, and a keeper that leaves nothing of them."""

    def __init__(self, programs, name):
        """Takes the folder of the programs, which a script of the testbed printed."""
        self.programs = pathlib.Path(programs)
        self.name = name
        self.commands = {}
        self.processes = {}

    # It is started and left.

    def __enter__(self):
        if os.geteuid():
            raise Skip(f"{self.name} needs root to start; run it as root")
        for path in (self.programs, pathlib.Path(tempfile.gettempdir())):
            if any(str(path.resolve()).startswith(f"{own}/") for own in OWN):
                raise Skip(f"`{path}` cannot be seen in the namespace; set XDG_CACHE_HOME and TMPDIR to elsewhere")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="drctl-bed-"))
        self.keeper = subprocess.Popen(
            [sys.executable, __file__, self.folder], stdin=subprocess.PIPE, start_new_session=True
        )
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def open(self):
        for folder in ("logs", "home", *(f"own{own}" for own in OWN)):
            (self.folder / folder).mkdir(parents=True)
        self.env = {
            "PATH": f"{self.programs}:{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(self.folder / "home"),
        }
        binds = {own: f"own{own}" for own in OWN}
        for name, value in KERNEL.items():
            binds[f"/proc/sys/{name}"] = f"kernel/{name}"
            file = self.folder / "kernel" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{value}\n", encoding="utf-8")
        mounts = "".join(f"mount --no-mtab --bind '{self.folder}/{here}' {there}\n" for there, here in binds.items())
        self.spawn(
            "namespace", "unshare", "--mount", "--propagation", "private",
            "sh", "-ec", f"{mounts}touch '{self.folder}/mounted'\nexec sleep infinity",
        )
        self.wait("namespace", (self.folder / "mounted").exists, 10)

    def close(self):
        """Leaves it all to the keeper, which has done its work when it ends."""
        self.keeper.stdin.close()
        self.keeper.wait()
        for process in self.processes.values():
            process.wait()

    # Its programs.

    def launch(self, name, ready, within, *arguments):
        """Starts a program in the namespace, and waits until it is ready."""
        self.commands[name] = (ready, within, [name, *map(str, arguments)])
        self.start(name)

    def start(self, name):
        """Starts a program anew, as it was started before, and waits until it is ready."""
        ready, within, command = self.commands[name]
        self.spawn(name, "nsenter", f"--mount=/proc/{self.processes['namespace'].pid}/ns/mnt", *command)
        self.wait(name, ready, within)

    def stop(self, name, number=signal.SIGKILL):
        """Ends a program, and nothing that it started. With SIGSTOP it hangs until SIGCONT."""
        process = self.processes[name]
        process.send_signal(number)
        if number not in (signal.SIGSTOP, signal.SIGCONT):
            process.wait()

    def start_all(self):
        """Starts all programs anew, each when those before it are ready."""
        for name in self.commands:
            self.start(name)

    def stop_all(self, number=signal.SIGKILL):
        """Ends all that runs in it at once, also what its programs started. With SIGSTOP it hangs until SIGCONT."""
        if number in (signal.SIGSTOP, signal.SIGCONT):
            send(number, self.inside())
            return
        until = time.monotonic() + 30
        # What is killed may have started something a moment before.
        while found := self.inside():
            if time.monotonic() > until:
                raise Failed(f"{self.name}: processes do not end: {found}")
            send(number, found)
            for name in self.commands:
                self.processes[name].poll()
            time.sleep(0.02)
        for name in self.commands:
            self.processes[name].wait()

    def inside(self):
        """Returns the processes in it, but for the one that holds the namespace."""
        return [pid for pid in belonging(self.folder) if pid != self.processes["namespace"].pid]

    def spawn(self, name, *command):
        with open(self.folder / "logs" / name, "ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )

    def wait(self, name, ready, within):
        until = time.monotonic() + within
        while not ready():
            code = self.processes[name].poll()
            if code is not None or time.monotonic() > until:
                why = f"ended with {code}" if code is not None else f"is not ready after {within}s"
                raise Failed(f"{self.name}: {name} {why}: {last_line(read(self.folder / 'logs' / name))}")
            time.sleep(0.1)

    def done(self, command):
        """Says whether a command succeeds."""
        return not subprocess.run(
            command, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            check=False,
        ).returncode

    def run(self, *command, stdin=None, limit=120):
        """Runs a command with what it takes in its environment, and returns what it printed."""
        command = [str(word) for word in command]
        stdin = stdin.encode() if isinstance(stdin, str) else stdin or b""
        try:
            done = subprocess.run(
                command, env=self.env, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name}: `{shown(command)}` did not end within {limit}s") from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise Failed(f"{self.name}: `{shown(command)}` ended with {done.returncode}: {said}")
        return done.stdout.decode(errors="replace").strip()


def answers(port):
    """Says whether something listens on a port of 127.0.0.1."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def free_ports(count):
    """Returns ports that nothing uses, from below those that the system gives to whoever asks for any."""
    found = []
    with GIVING:
        for port in random.SystemRandom().sample(sorted(set(range(20000, 32000)) - GIVEN), 12000 - len(GIVEN)):
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == count:
                GIVEN.update(found)
                return found
    raise Failed("no ports are free on 127.0.0.1 between 20000 and 32000; end what uses them")


def send(number, pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


# The keeper.


def keep(folder):
    """Waits until whoever started it is done with a folder, or gone, and then leaves nothing of it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.read()
    until = time.monotonic() + 30
    # What is killed may have started something a moment before.
    while time.monotonic() < until and (found := belonging(folder)):
        send(signal.SIGKILL, found)
        time.sleep(0.05)
    for root in pathlib.Path("/sys/fs/cgroup").glob(f"**/{folder.name}"):
        for path, _, _ in os.walk(root, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(path)
    shutil.rmtree(folder, ignore_errors=True)


def belonging(folder):
    """Returns the processes that have mounted something of a folder: nothing outside its namespace has."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        # Of one that has ended and was not waited for, nothing can be read.
        with contextlib.suppress(OSError):
            if folder.name in (entry / "mountinfo").read_text(errors="replace"):
                found.append(int(entry.name))
    return found


if __name__ == "__main__":
    keep(pathlib.Path(sys.argv[1]))
