"""Restores the development server before each test, and knows which tests are meant to fail, and why.

With RUN_SKIPPED=yes the skip marks are taken off: the authors' mock cannot answer those, we can.
"""

import fnmatch
import json
import os
import pathlib
import urllib.request

import pytest

HERE = pathlib.Path(__file__).parent


@pytest.fixture(autouse=True)
def restored():
    request = urllib.request.Request(os.environ["TEST_API_BASE_URL"] + "/__dev/reset", method="POST")
    urllib.request.urlopen(request, timeout=30).read()


def pytest_collection_modifyitems(items):
    if os.environ.get("RUN_SKIPPED") == "yes":
        for item in items:
            for node in item.listchain():
                node.own_markers = [mark for mark in node.own_markers if mark.name != "skip"]
    for known in json.loads((HERE / "expected.json").read_text())["failures"]:
        for item in items:
            name = item.nodeid.split("api_resources/", 1)[-1]
            # What the client refuses by itself never reaches a server.
            if "path_params" not in name and any(fnmatch.fnmatchcase(name, pattern) for pattern in known["tests"]):
                # Strict: one that passes is to be taken off the list.
                item.add_marker(pytest.mark.xfail(reason=known["reason"], strict=True))
