"""The processes that this run started. Nothing else is ever ended."""

import atexit
import queue
import re
import signal
import subprocess
import sys
import threading

_running = []


class Process:
    def __init__(self, command, log, **options):
        self.command = command
        self.log = open(log, "ab")
        self.lines = queue.Queue()
        self.child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, **options
        )
        _running.append(self)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.child.stdout:
            self.log.write(line)
            self.log.flush()
            self.lines.put(line.decode(errors="replace").rstrip("\n"))
        self.lines.put(None)

    def wait_for(self, pattern, seconds=30):
        """The first group of the first line of output that matches."""
        while True:
            try:
                line = self.lines.get(timeout=seconds)
            except queue.Empty:
                raise RuntimeError(f"`{self.command[0]}` printed no `{pattern}` in {seconds} s") from None
            if line is None:
                raise RuntimeError(f"`{' '.join(self.command)}` ended: see {self.log.name}")
            if found := re.search(pattern, line):
                return found[1]

    def stop(self):
        if self in _running:
            _running.remove(self)
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.log.close()


def stop_all():
    for process in list(_running):
        process.stop()


atexit.register(stop_all)
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda *_: sys.exit(1))
