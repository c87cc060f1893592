"""The two ways to run the binary: `serve` on a new database, and `dev` with the documentation's seed."""

import json
import os
import subprocess

from .processes import Process

BINARY = os.environ["PORTCULLIS_BIN"]
# What the examples of the reference documents use.
DEV = {
    "account_id": "023e105f4ecef8ad9ca31a8372d0c353",
    "email": "user@example.com",
    "api_key": "144c9defac04969c7bfad8efaa8ea194",
    "api_token": "Sn3lZJTBX6kkg7OdcBUAxOO963GEIyGQqnFTOFYY",
}


def serve(folder, dns_address, *options):
    """A server on a new database, with further options: its address, and what `init` printed."""
    folder.mkdir(parents=True)
    database = f"sqlite:{folder / 'portcullis.db'}"
    init = subprocess.run(
        [BINARY, "init", "--email", "admin@example.com", "--account-name", "End to end", "--json", "--database", database],
        cwd=folder, capture_output=True, text=True, timeout=60,
    )
    if init.returncode != 0:
        raise RuntimeError(f"`portcullis init` failed: {init.stderr}")
    command = [BINARY, "serve", "--listen", "127.0.0.1:0", "--database", database, "--dns-server", dns_address,
               "--rate-limit", "off", "--rate-limit-per-address", "off", *options]
    return _listening(command, folder), json.loads(init.stdout)


def dev(folder):
    folder.mkdir(parents=True)
    return _listening([BINARY, "dev", "--listen", "127.0.0.1:0"], folder), DEV


def _listening(command, folder):
    process = Process(command, folder / "server.log", cwd=folder)
    return process.wait_for(r"listening on (http://\S+)")
