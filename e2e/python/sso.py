"""SSO connectors, with real DNS. 4.3.1 has no methods for them, so the suite asks with the raw client there."""

from types import SimpleNamespace

from cloudflare import BadRequestError, NotFoundError

from support import UNKNOWN, control, equal, is_id, refused, soon, test


class Connectors:
    """The six operations, the same for both generations."""

    def __init__(self, caller):
        self.caller = caller
        self.account = {"account_id": caller.account}
        self.path = "/sso_connectors"

    def domain(self, name):
        return f"{name}-{self.caller.scheme}.example.com"

    def create(self, name, **more):
        body = {"email_domain": self.domain(name), **more}
        if self.caller.new:
            return self.caller.iam.sso.create(**self.account, **body)
        return _model(self.caller.send("post", self.path, body)["result"])

    def get(self, connector):
        if self.caller.new:
            return self.caller.iam.sso.get(connector, **self.account)
        return _model(self.caller.get(f"{self.path}/{connector}"))

    def list(self):
        if self.caller.new:
            return list(self.caller.iam.sso.list(**self.account))
        return [_model(connector) for connector in self.caller.get(self.path)]

    def update(self, connector, **change):
        if self.caller.new:
            return self.caller.iam.sso.update(connector, **self.account, **change)
        return _model(self.caller.send("patch", f"{self.path}/{connector}", change)["result"])

    def delete(self, connector):
        if self.caller.new:
            return self.caller.iam.sso.delete(connector, **self.account)
        return _model(self.caller.send("delete", f"{self.path}/{connector}")["result"])

    def begin_verification(self, connector):
        if self.caller.new:
            return self.caller.iam.sso.begin_verification(connector, **self.account)
        return _model(self.caller.send("post", f"{self.path}/{connector}/begin_verification"))

    def status(self, connector):
        return self.get(connector).verification.status


def _model(value):
    if isinstance(value, dict):
        return SimpleNamespace(**{key: _model(item) for key, item in value.items()})
    return value


@test
def a_connector_is_verified_once_its_record_is_in_the_dns(caller):
    connectors = Connectors(caller)
    made = connectors.create("verified", begin_verification=False)
    is_id(made.id)
    equal((made.email_domain, made.enabled, made.use_fedramp_language), (connectors.domain("verified"), False, False))
    equal(made.verification.status, "awaiting")
    key, code = made.verification.code.split("=")
    equal(key, "cloudflare_dashboard_sso")
    is_id(code)

    control("dns", {"name": made.email_domain, "text": made.verification.code})
    begun = connectors.begin_verification(made.id)
    equal((begun.success, begun.errors), (True, []))
    assert soon(lambda: connectors.status(made.id) == "verified"), connectors.status(made.id)
    equal(connectors.get(made.id).verification.code, made.verification.code)


@test
def a_connector_without_its_record_stays_pending_until_the_record_is_there(caller):
    connectors = Connectors(caller)
    made = connectors.create("pending")
    equal(made.verification.status, "pending")
    connectors.begin_verification(made.id)
    assert not soon(lambda: connectors.status(made.id) != "pending", seconds=2)
    control("dns", {"name": made.email_domain, "text": "some-other-record"})
    connectors.begin_verification(made.id)
    assert not soon(lambda: connectors.status(made.id) != "pending", seconds=2)
    control("dns", {"name": made.email_domain, "text": made.verification.code})
    connectors.begin_verification(made.id)
    assert soon(lambda: connectors.status(made.id) == "verified"), connectors.status(made.id)


@test
def a_connector_is_not_enabled_before_a_login_exists(caller):
    connectors = Connectors(caller)
    made = connectors.create("disabled")
    error = refused(BadRequestError, lambda: connectors.update(made.id, enabled=True))
    assert len(error.errors[0].message) > 10, error.errors
    equal(connectors.get(made.id).enabled, False)
    equal(connectors.update(made.id, use_fedramp_language=True).use_fedramp_language, True)
    equal(connectors.update(made.id).use_fedramp_language, True)


@test
def connectors_are_listed_and_deleted(caller):
    connectors = Connectors(caller)
    made = connectors.create("deleted", use_fedramp_language=True)
    assert made.id in [connector.id for connector in connectors.list()]
    equal(connectors.delete(made.id).id, made.id)
    assert made.id not in [connector.id for connector in connectors.list()]
    refused(NotFoundError, lambda: connectors.get(made.id), 1002)
    refused(NotFoundError, lambda: connectors.delete(made.id), 1002)
    refused(NotFoundError, lambda: connectors.begin_verification(UNKNOWN), 1002)


@test
def a_domain_has_one_connector_and_is_a_domain(caller):
    connectors = Connectors(caller)
    connectors.create("taken")
    refused(BadRequestError, lambda: connectors.create("taken"), 1003, "/email_domain")
    for domain in ("", "co.uk", "gmail.com", "not a domain", "someone@example.com"):
        wrong = lambda: caller.send("post", "/sso_connectors", {"email_domain": domain})
        refused(BadRequestError, wrong, None, "/email_domain")
