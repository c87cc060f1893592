"""`python -m harness [SUITE…]`: typescript, python-5, python-4, wire, mail, examples; all of them without a name."""

import os
import shutil
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

from . import examples, mail, servers, wire
from .contract import COMPANIONS, OPERATIONS, Contract
from .deviations import Deviations
from .dns import Dns
from .proxy import Proxy
from .report import Report

HERE = Path(__file__).parent.parent
WORK = HERE / ".work"
# What an SDK has no method for, its suite asks for with the client's raw `get`, `post`, …: so each reaches all.
SUITES = {
    "typescript": ["node", str(WORK / "typescript" / "main.js")],
    "python-5": [str(WORK / "venv-5/bin/python"), "-u", str(HERE / "python" / "main.py")],
    "python-4": [str(WORK / "venv-4/bin/python"), "-u", str(HERE / "python" / "main.py")],
}
SECONDS = 300


class Run:
    def __init__(self):
        self.report = Report()
        self.contract = Contract()
        self.deviations = Deviations()
        self.folder = WORK / "run"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.dns = Dns(self.folder)

    def serve(self, name, *options):
        origin, fixture = servers.serve(self.folder / name / "serve", self.dns.address, *options)
        return self._proxy(origin), fixture

    def dev(self, name):
        origin, fixture = servers.dev(self.folder / name / "dev")
        return self._proxy(origin), fixture

    def _proxy(self, origin):
        return Proxy(origin, self.contract, self.deviations, self.dns)

    def sdk(self, name):
        """One SDK: its suite, and then whether it has really reached every operation."""
        proxy, fixture = self.serve(name)
        dev, _ = self.dev(name)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "E2E_SUITE": name,
            "E2E_URL": proxy.url,
            "E2E_DEV_URL": dev.url,
            "E2E_CONTROL": proxy.origin + "/__e2e",
            **{f"E2E_{key.upper()}": value for key, value in fixture.items()},
            **{f"E2E_DEV_{key.upper()}": value for key, value in servers.DEV.items()},
        }
        suite = subprocess.Popen(
            SUITES[name], env=environment, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        timer = threading.Timer(SECONDS, suite.kill)
        timer.start()
        try:
            for line in suite.stdout:
                self.report.line(line.rstrip("\n"))
        finally:
            timer.cancel()
            if sys.exception():
                suite.kill()
        if suite.wait() != 0:
            self.report.fail(f"{name}: the suite runs to its end", f"exit code {suite.returncode}")
        missing = sorted((OPERATIONS | COMPANIONS) - proxy.operations - dev.operations)
        self.report.check(f"{name}: all {len(OPERATIONS)} operations and the companions were answered", missing)

    def type_check(self):
        """The suite in TypeScript uses each result by its type, so the compiler checks that it has the documented one."""
        tsc = [str(WORK / "node_modules/.bin/tsc"), "--project", str(HERE / "typescript")]
        done = subprocess.run(tsc, cwd=HERE, capture_output=True, text=True)
        self.report.check("typescript: the suite compiles against the types of the SDK", done.stdout.splitlines())

    def suite(self, name):
        if name == "typescript":
            self.type_check()
        if name in SUITES:
            self.sdk(name)
        elif name == "wire":
            wire.run(self)
        elif name == "mail":
            mail.run(self)
        elif name == "examples":
            examples.run(self)
        else:
            raise ValueError(f"no suite `{name}`")


def main(names):
    everything = [*SUITES, "wire", "mail", "examples"]
    run = Run()
    for name in names or everything:
        print(f"--- {name}")
        started = time.monotonic()
        try:
            run.suite(name)
        except Exception as error:
            traceback.print_exc()
            run.report.fail(f"{name}: the suite runs", error)
        print(f"--- {name}: {time.monotonic() - started:.0f} s")
    print("--- contract")
    run.deviations.report(run.report, everything_ran=not names)
    return run.report.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
