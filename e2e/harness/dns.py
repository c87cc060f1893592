"""A real DNS server (dnsmasq) on loopback, for TXT records that the tests publish while they run."""

import shutil
import socket
import threading
import time

from .processes import Process

ZONE = "example.com"


class Dns:
    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.records = []
        self.process = None
        self.lock = threading.Lock()
        self._start()

    def publish(self, name, text):
        """dnsmasq reads TXT records only when it starts, so this starts it again."""
        with self.lock:
            self.records.append((name, text))
            self._start()

    def _start(self):
        if self.process:
            self.process.stop()
        self.process = Process(
            [
                shutil.which("dnsmasq") or "/usr/sbin/dnsmasq",
                "--keep-in-foreground", "--log-facility=-", "--conf-file=/dev/null", "--pid-file=",
                "--no-resolv", "--no-hosts", "--bind-interfaces", "--user=", "--group=",
                "--listen-address=127.0.0.1", f"--port={self.port}", f"--local=/{ZONE}/",
                *(f"--txt-record={name},{text}" for name, text in self.records),
            ],
            self.folder / "dns.log",
        )
        _wait_until_bound(self.port)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_bound(port):
    """dnsmasq also listens on TCP: when that answers, it is up."""
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 0.1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("dnsmasq did not start")
