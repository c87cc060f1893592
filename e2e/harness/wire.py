"""What no SDK can say: plain requests, without an SDK's headers, and the decision endpoint, which is our own."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass

from . import servers


@dataclass
class Answer:
    status: int
    headers: dict
    body: dict

    @property
    def codes(self):
        return [error["code"] for error in self.body["errors"]]


class Client:
    """Speaks to one account with one set of headers."""

    def __init__(self, url, account, headers):
        self.url = url
        self.account = account
        self.headers = headers

    @classmethod
    def of(cls, proxy, fixture):
        return cls(proxy.url, fixture["account_id"], {"authorization": f"Bearer {fixture['api_token']}"})

    def saying(self, headers):
        return Client(self.url, self.account, headers)

    def send(self, method, path, body=None):
        """`A` at the start of a path stands for the account."""
        url = self.url + (f"/accounts/{self.account}{path[1:]}" if path.startswith("A") else path)
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"content-type": "application/json", **self.headers}, method=method)
        try:
            response = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            return Answer(response.status, dict(response.headers), json.loads(response.read()))

    def made(self, method, path, body=None):
        """The result of a request that has to succeed."""
        answer = self.send(method, path, body)
        assert answer.status == 200, f"{method} {path}: {answer.status} {answer.body}"
        return answer.body["result"]

    def authorize(self, action, resource, **who):
        return self.made("POST", "A/iam/authorize", {**who, "action": action, "resource": resource})


# One place for the vocabulary of the decision endpoint.
def member_subject(member):
    return {"subject": {"member": member}}


def token_subject(token):
    return {"credential": token}


WRITE_DNS = "DNS Write"
READ_DNS = "DNS Read"


def run(harness):
    serve_proxy, fixture = harness.serve("wire")
    dev_proxy, _ = harness.dev("wire")
    serve = Client.of(serve_proxy, fixture)
    dev = Client.of(dev_proxy, servers.DEV)
    for test in TESTS:
        try:
            test(serve=serve, dev=dev, fixture=fixture)
        except Exception as error:
            harness.report.fail(f"wire: {_sentence(test)}", f"{type(error).__name__}: {error}")
        else:
            harness.report.ok(f"wire: {_sentence(test)}")


TESTS = []


def test(function):
    TESTS.append(function)
    return function


def _sentence(function):
    return function.__name__.replace("_", " ")


def equal(got, wanted):
    assert got == wanted, f"{got!r} in place of {wanted!r}"


@test
def a_request_without_credentials_is_told_which_headers_it_lacks(serve, **_):
    answer = serve.saying({}).send("GET", "A/roles")
    equal((answer.status, answer.codes), (400, [9106]))


@test
def a_malformed_authorization_header_is_explained(serve, **_):
    answer = serve.saying({"authorization": "Bearer"}).send("GET", "A/roles")
    equal((answer.status, answer.codes), (400, [6003]))
    equal([link["code"] for link in answer.body["errors"][0]["error_chain"]], [6111])


@test
def an_unknown_token_is_refused(serve, **_):
    answer = serve.saying({"authorization": "Bearer " + "a" * 40}).send("GET", "A/roles")
    equal((answer.status, answer.codes), (403, [9109]))


@test
def an_unknown_key_is_refused(serve, fixture, **_):
    answer = serve.saying({"x-auth-email": fixture["email"], "x-auth-key": "0" * 37}).send("GET", "A/roles")
    equal((answer.status, answer.codes), (403, [9103]))


@test
def a_token_counts_before_a_key(serve, fixture, **_):
    key = {"x-auth-email": fixture["email"], "x-auth-key": fixture["api_key"]}
    equal(serve.saying(key).send("GET", "A/roles").status, 200)
    equal(serve.saying({**serve.headers, **key}).send("GET", "A/roles").status, 200)
    equal(serve.saying({"authorization": "Bearer " + "a" * 40, **key}).send("GET", "A/roles").status, 403)


@test
def a_foreign_account_and_an_unknown_one_look_the_same(serve, **_):
    answer = serve.send("GET", "/accounts/" + "0" * 32 + "/roles")
    equal((answer.status, answer.codes), (403, [10000]))


@test
def an_unknown_path_is_a_404_in_the_envelope(serve, **_):
    answer = serve.send("GET", "/no/such/thing")
    equal((answer.status, answer.body["success"], answer.body["result"]), (404, False, None))


@test
def the_routes_stand_at_the_root_too(serve, **_):
    at_root = Client(serve.url.removesuffix("/client/v4"), serve.account, serve.headers)
    equal(at_root.made("GET", "A/roles"), serve.made("GET", "A/roles"))


@test
def a_client_that_does_not_say_what_it_is_gets_scope_as_an_array(serve, **_):
    (builtin,) = serve.made("GET", f"A/iam/resource_groups?name=com.cloudflare.api.account.{serve.account}")
    equal(builtin["scope"], [{"key": f"com.cloudflare.api.account.{serve.account}", "objects": [{"key": "*"}]}])


@test
def a_page_past_the_end_is_empty_and_still_counts(serve, **_):
    body = serve.send("GET", "A/roles?page=99&per_page=10").body
    total = sum(len(serve.made("GET", f"A/roles?per_page=50&page={page}")) for page in (1, 2, 3))
    equal(body["result"], [])
    equal([body["result_info"][key] for key in ("page", "per_page", "count", "total_count")], [99, 10, 0, total])


@test
def too_large_a_page_is_clamped_and_too_small_a_one_refused(serve, **_):
    equal(serve.send("GET", "A/roles?per_page=100").body["result_info"]["per_page"], 50)
    equal(serve.send("GET", "A/iam/user_groups?per_page=1000").body["result_info"]["per_page"], 500)
    for query in ("page=0", "per_page=0", "page=first"):
        answer = serve.send("GET", f"A/roles?{query}")
        equal((answer.status, answer.codes), (400, [1001]))


@test
def resource_groups_end_after_the_first_page_for_clients_that_page_them(serve, **_):
    assert serve.made("GET", "A/iam/resource_groups?page=1")
    equal(serve.made("GET", "A/iam/resource_groups?page=2"), [])


@test
def all_faults_of_a_body_are_reported_at_once_with_their_places(serve, **_):
    policy = {"access": "perhaps", "permission_groups": [{"id": "x"}], "resource_groups": []}
    answer = serve.send("POST", "A/iam/user_groups", {"name": "", "policies": [policy]})
    equal(answer.status, 400)
    pointers = {error.get("source", {}).get("pointer") for error in answer.body["errors"]}
    expected = {"/name", "/policies/0/access", "/policies/0/permission_groups/0/id", "/policies/0/resource_groups"}
    equal(pointers, expected)


@test
def a_member_cannot_be_accepted_on_a_real_server_without_being_asked(serve, **_):
    body = {"email": "eager@example.com", "roles": [_role(serve, "Administrator Read Only")], "status": "accepted"}
    answer = serve.send("POST", "A/members", body)
    equal((answer.status, answer.codes), (400, [1001]))


@test
def dev_accepts_a_member_at_once_and_a_reset_forgets_it(dev, **_):
    before = [group["id"] for group in dev.made("GET", "A/members?per_page=50")]
    member = _accepted_member(dev, "eager@example.com", [])
    equal(dev.made("GET", f"A/members/{member['id']}")["status"], "accepted")
    origin = Client(dev.url.removesuffix("/client/v4"), dev.account, dev.headers)
    request = urllib.request.Request(origin.url + "/__dev/reset", method="POST")
    urllib.request.urlopen(request, timeout=30).close()
    equal([group["id"] for group in dev.made("GET", "A/members?per_page=50")], before)


@test
def the_super_administrator_may_do_everything(serve, fixture, **_):
    for who in (member_subject(fixture["member_id"]), token_subject(fixture["api_token"])):
        decision = serve.authorize("Account Settings Write", f"com.cloudflare.api.account.{serve.account}", **who)
        equal((decision["allowed"], decision["reason"]), (True, "allow"))
        assert decision["policy_ids"], decision


@test
def a_pending_member_may_do_nothing(serve, **_):
    body = {"email": "later@example.com", "policies": [_policy(serve, "allow", "admin")]}
    member = serve.made("POST", "A/members", body)
    decision = serve.authorize(READ_DNS, f"com.cloudflare.api.account.{serve.account}", **member_subject(member["id"]))
    equal(decision, {"allowed": False, "reason": "implicit_deny", "policy_ids": []})


@test
def a_policy_of_a_group_reaches_its_members_and_a_deny_wins(dev, **_):
    zone = dev.made("POST", "/zones", {"account": {"id": dev.account}, "name": "decided.example.com"})
    key = f"com.cloudflare.api.account.zone.{zone['id']}"
    scope = {"key": f"com.cloudflare.api.account.{dev.account}", "objects": [{"key": key}]}
    place = dev.made("POST", "A/iam/resource_groups", {"name": "decided", "scope": scope})["id"]
    member = _accepted_member(dev, "decided@example.com", [])
    who = member_subject(member["id"])

    def decision():
        return dev.authorize(READ_DNS, key, **who)

    equal(decision(), {"allowed": False, "reason": "implicit_deny", "policy_ids": []})
    policies = [_policy(dev, "allow", "domain_admin", place)]
    group = dev.made("POST", "A/iam/user_groups", {"name": "decided", "policies": policies})
    dev.made("POST", f"A/iam/user_groups/{group['id']}/members", [{"id": member["id"]}])
    equal(decision(), {"allowed": True, "reason": "allow", "policy_ids": [group["policies"][0]["id"]]})

    denied = _policy(dev, "deny", "domain_admin_readonly", place)
    member = dev.made("PUT", f"A/members/{member['id']}", {"policies": [denied]})
    equal(decision(), {"allowed": False, "reason": "explicit_deny", "policy_ids": [member["policies"][0]["id"]]})

    dev.made("PUT", f"A/members/{member['id']}", {"policies": []})
    equal(decision()["allowed"], True)
    dev.made("DELETE", f"A/iam/user_groups/{group['id']}/members/{member['id']}")
    equal(decision()["allowed"], False)


@test
def one_domain_does_not_open_another(dev, **_):
    zones = [
        dev.made("POST", "/zones", {"account": {"id": dev.account}, "name": name})["id"]
        for name in ("mine.example.com", "yours.example.com")
    ]
    keys = [f"com.cloudflare.api.account.zone.{zone}" for zone in zones]
    scope = {"key": f"com.cloudflare.api.account.{dev.account}", "objects": [{"key": keys[0]}]}
    place = dev.made("POST", "A/iam/resource_groups", {"name": "mine", "scope": scope})["id"]
    member = _accepted_member(dev, "one.domain@example.com", [_policy(dev, "allow", "domain_admin", place)])
    who = member_subject(member["id"])
    equal([dev.authorize(WRITE_DNS, key, **who)["allowed"] for key in keys], [True, False])


def _accepted_member(client, email, policies):
    return client.made("POST", "A/members", {"email": email, "policies": policies, "status": "accepted"})


def _policy(client, access, label, place=None):
    """A policy of one permission group, by its label, on the whole account or on one resource group."""
    (group,) = client.made("GET", f"A/iam/permission_groups?label={label}")
    if place is None:
        name = f"com.cloudflare.api.account.{client.account}"
        place = client.made("GET", f"A/iam/resource_groups?name={name}")[0]["id"]
    return {"access": access, "permission_groups": [{"id": group["id"]}], "resource_groups": [{"id": place}]}


def _role(client, name):
    roles = client.made("GET", "A/roles?per_page=50")
    return next(role["id"] for role in roles if role["name"] == name)
