"""What the tests share: the clients, small helpers and the runner.

A test is a function decorated with `@test` that takes a `Caller`. Where the two generations of the SDK differ, `caller.new`
tells which one runs: 4.3.1 has no SSO connectors, no single group member and older parameter names.
"""

import json
import os
import re
import time
import traceback
import urllib.request
from datetime import datetime

import cloudflare
from cloudflare import Cloudflare
from cloudflare._models import validate_type

SUITE = os.environ["E2E_SUITE"]
NEW = int(cloudflare.__version__.split(".")[0]) >= 5
ID = re.compile(r"[0-9a-f]{32}")
UNKNOWN = "0" * 32


class Caller:
    """One account, one authentication scheme. `client` checks every answer against the SDK's models."""

    def __init__(self, scheme, prefix="E2E", url="E2E_URL"):
        env = os.environ
        self.scheme = scheme
        self.new = NEW
        self.account = env[f"{prefix}_ACCOUNT_ID"]
        self.email = env[f"{prefix}_EMAIL"]
        self.base_url = env[url]
        self.credentials = (
            {"api_token": env[f"{prefix}_API_TOKEN"]}
            if scheme == "token"
            else {"api_email": self.email, "api_key": env[f"{prefix}_API_KEY"]}
        )
        self.client = self.with_credentials(**self.credentials)
        self.iam = self.client.iam
        self.path = f"/accounts/{self.account}"

    def with_credentials(self, **credentials):
        return Cloudflare(base_url=self.base_url, _strict_response_validation=True, **credentials)

    def dev(self):
        """The same scheme on the `dev` server."""
        return Caller(self.scheme, "E2E_DEV", "E2E_DEV_URL")

    def name(self, text):
        """Unique in the account: every test runs once with each scheme."""
        return f"{text} {self.scheme}"

    def get(self, path, **query):
        """The result of a request for which this SDK has no method, or whose parameters it does not know."""
        return self.client.get(self.path + path, cast_to=dict, options={"params": query})["result"]

    def envelope(self, path, **query):
        return self.client.get(self.path + path, cast_to=dict, options={"params": query})

    def send(self, method, path, body=None):
        return getattr(self.client, method)(self.path + path, cast_to=dict, body=body)

    def label(self, label):
        """The id of the IAM permission group with this label."""
        (group,) = self.iam.permission_groups.list(account_id=self.account, label=label)
        return group.id

    def everything(self):
        """The id of the built-in resource group: the account and all in it."""
        name = f"com.cloudflare.api.account.{self.account}"
        (group,) = self.iam.resource_groups.list(account_id=self.account, name=name)
        return group.id

    def policy(self, label, access="allow", place=None):
        return {
            "access": access,
            "permission_groups": [{"id": self.label(label)}],
            "resource_groups": [{"id": place or self.everything()}],
        }

    def zone(self, name):
        return self.client.zones.create(account={"id": self.account}, name=f"{name}-{self.scheme}-{SUITE}.example.com")

    def scope(self, *zones):
        objects = [{"key": f"com.cloudflare.api.account.zone.{zone.id}"} for zone in zones] or [{"key": "*"}]
        return {"key": f"com.cloudflare.api.account.{self.account}", "objects": objects}

    def user_group(self, name, **more):
        """Creates one. 4.3.1 demands policies in its types, not on the wire."""
        if self.new:
            return self.iam.user_groups.create(account_id=self.account, name=self.name(name), **more)
        return self.iam.user_groups.create(account_id=self.account, name=self.name(name), policies=more.get("policies", []))

    def member(self, local, **more):
        more = more or {"roles": []}
        email = f"{local}.{self.scheme}@members.example.com"
        return self.client.accounts.members.create(account_id=self.account, email=email, **more)


def single(resource, method, model, *arguments, **parameters):
    """Calls a method that 4.3.1 forgot to unwrap: there it takes the whole envelope for the object. So the result is
    checked here, against the model of the details."""
    if NEW:
        return getattr(resource, method)(*arguments, **parameters)
    envelope = getattr(resource.with_raw_response, method)(*arguments, **parameters).http_response.json()
    return validate_type(type_=model, value=envelope["result"])


def scope_of(group):
    """`scope` is a list of one in 4.3.1 and an object in 5.x; the strict client has made sure of that."""
    if NEW:
        return group.scope
    (scope,) = group.scope
    return scope


def is_id(text):
    assert isinstance(text, str) and ID.fullmatch(text), f"{text!r} is not an id"


def is_time(value):
    assert isinstance(value, datetime), f"{value!r} is not a time"


def equal(got, wanted):
    assert got == wanted, f"{got!r} in place of {wanted!r}"


def refused(kind, call, code=None, pointer=None):
    """The call fails with this class of the SDK, this code and this pointer; returns the error."""
    try:
        call()
    except kind as error:
        first = error.body["errors"][0]
        if code is not None:
            equal(error.errors[0].code, code)
        if pointer is not None:
            equal(first.get("source", {}).get("pointer"), pointer)
        assert first["message"], first
        return error
    raise AssertionError(f"was not refused with {kind.__name__}")


def soon(question, seconds=15):
    """The first true answer within this time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = question()
        if answer or time.monotonic() > deadline:
            return answer
        time.sleep(0.2)


def control(command, body=None):
    """Speaks to the proxy; see harness/proxy.py."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{os.environ['E2E_CONTROL']}/{command}", data, timeout=30) as response:
        return json.load(response)


class Recorded:
    """The requests that pass while the block runs."""

    def __enter__(self):
        self.before = len(control("requests"))
        return self

    def __exit__(self, *_):
        self.requests = control(f"requests?after={self.before}")


def test(function):
    function.is_test = True
    return function


def run(modules):
    for scheme in ("token", "key"):
        caller = Caller(scheme)
        for module in modules:
            for function in list(vars(module).values()):
                if getattr(function, "is_test", False):
                    _run_one(function, caller)
    return 0


def _run_one(function, caller):
    name = f"{SUITE}, {caller.scheme}: {function.__name__.replace('_', ' ')}"
    try:
        function(caller)
    except Exception as error:
        line = traceback.extract_tb(error.__traceback__)[-1]
        where = next((f for f in reversed(traceback.extract_tb(error.__traceback__)) if "/e2e/python/" in f.filename), line)
        print(f"FAIL  {name}: {where.name}:{where.lineno}: {type(error).__name__}: {str(error)[:600]}".replace("\n", " "))
    else:
        print(f"pass  {name}")
