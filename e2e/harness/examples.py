"""Each example of the reference documents, as pasted, against `dev`."""

import json
import os
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

from . import servers

EXAMPLES = Path(__file__).parent.parent / "examples"
WORK = Path(__file__).parent.parent / ".work"
ID = re.compile(r"[0-9a-f]{32}")
PUBLIC = "https://api.cloudflare.com/client/v4"
SECONDS = 60


def run(harness):
    proxy, _ = harness.dev("examples")
    for name, example in json.loads((EXAMPLES / "examples.json").read_text()).items():
        for generation in example["generations"]:
            _reset(proxy)
            problems = _node(proxy, name, generation, example["prints"])
            harness.report.check(f"examples: {name} runs as documented with SDK {generation}", problems)
    _reset(proxy)
    harness.report.check("examples: iam-permission-groups-list runs as documented with curl", _curl(proxy))


def _reset(proxy):
    urllib.request.urlopen(urllib.request.Request(f"{proxy.origin}/__dev/reset", method="POST"), timeout=30).close()


def _node(proxy, name, generation, prints):
    source = EXAMPLES / f"{name}.ts"
    # The examples use no types, so Node runs them as they stand; only the name of the file tells it that.
    script = shutil.copy(source, WORK / f"sdk-{generation}" / f"{name}.mjs")
    credentials = {
        "CLOUDFLARE_EMAIL": servers.DEV["email"],
        "CLOUDFLARE_API_KEY": servers.DEV["api_key"],
        "CLOUDFLARE_API_TOKEN": servers.DEV["api_token"],
    }
    text = source.read_text()
    named = {key: value for key, value in credentials.items() if f"'{key}'" in text}
    done = _execute(["node", str(script)], {"CLOUDFLARE_BASE_URL": proxy.url, **named})
    if done.returncode != 0:
        return [f"exit code {done.returncode}: {done.stderr.strip()[-600:]}"]
    lines = done.stdout.split()
    if prints == "ids":
        fits = bool(lines) and all(ID.fullmatch(line) for line in lines)
    elif prints == "id":
        fits = len(lines) == 1 and ID.fullmatch(lines[0]) is not None
    else:
        fits = lines == [prints]
    return [] if fits else [f"printed {done.stdout[:300]!r} in place of {prints}"]


def _curl(proxy):
    command = (EXAMPLES / "iam-permission-groups-list.sh").read_text().replace(PUBLIC, proxy.url)
    environment = {"ACCOUNT_ID": servers.DEV["account_id"], "CLOUDFLARE_API_TOKEN": servers.DEV["api_token"]}
    done = _execute(["sh", "-c", command], environment)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        return [f"exit code {done.returncode}, printed {done.stdout[:300]!r}"]
    if not answer["success"] or not answer["result"] or not all(ID.fullmatch(group["id"]) for group in answer["result"]):
        return [done.stdout[:600]]
    return []


def _execute(command, environment):
    return subprocess.run(
        command, env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True, timeout=SECONDS
    )
