"""One line per test, and the closing count."""

import threading


class Report:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self._lock = threading.Lock()

    def ok(self, name):
        with self._lock:
            self.passed += 1
            print(f"pass  {name}")

    def fail(self, name, why):
        with self._lock:
            self.failed += 1
            print(f"FAIL  {name}: {why}")

    def check(self, name, problems):
        """A test whose outcome is a list of problems."""
        if problems:
            self.fail(name, "".join(f"\n        {problem}" for problem in problems))
        else:
            self.ok(name)

    def line(self, line):
        """A line that a suite printed in its own process: counted if it is a result, shown in any case."""
        with self._lock:
            if line.startswith("pass  "):
                self.passed += 1
            elif line.startswith("FAIL  "):
                self.failed += 1
            print(line)

    def close(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0
