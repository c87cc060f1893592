"""API tokens of the account and of the user, and what a person sees of its memberships."""

from cloudflare import AuthenticationError, BadRequestError, Cloudflare, NotFoundError

import support
from support import equal, is_id, refused


def test(run):
    """Of the newer generation alone: the older one models less of tokens and accounts."""
    return support.test(run) if support.NEW else run


def permission(caller, name):
    groups = caller.client.accounts.tokens.permission_groups.list(account_id=caller.account, name=name)
    return next(iter(groups)).id


def policies(caller, names=("DNS Read",)):
    groups = [{"id": permission(caller, name)} for name in names]
    return [{"effect": "allow", "permission_groups": groups, "resources": {f"com.cloudflare.api.account.{caller.account}": "*"}}]


def with_token(caller, secret):
    return Cloudflare(base_url=str(caller.client.base_url), api_token=secret, max_retries=0)


@test
def a_token_of_the_account_is_made_used_rolled_and_removed(caller):
    tokens = caller.client.accounts.tokens
    made = tokens.create(account_id=caller.account, name="ci", policies=policies(caller), expires_on="2099-01-01T00:00:00Z",
                         condition={"request_ip": {"in": ["127.0.0.0/8"], "not_in": ["10.0.0.1/32"]}})  # fmt: skip
    is_id(made.id)
    equal((made.name, made.status, made.value[:5]), ("ci", "active", "cfat_"))
    equal(tokens.get(made.id, account_id=caller.account).condition.request_ip.not_in, ["10.0.0.1/32"])
    own = with_token(caller, made.value)
    equal(own.accounts.tokens.verify(account_id=caller.account).status, "active")
    updated = tokens.update(made.id, account_id=caller.account, name="renamed", policies=policies(caller, ("DNS Write", "DNS Read")))
    equal([group.name for group in updated.policies[0].permission_groups], ["DNS Write", "DNS Read"])
    equal(updated.expires_on, None)
    rolled = tokens.value.update(made.id, account_id=caller.account)
    refused(AuthenticationError, lambda: own.accounts.tokens.verify(account_id=caller.account))
    equal(with_token(caller, rolled).accounts.tokens.verify(account_id=caller.account).id, made.id)
    assert made.id in [token.id for token in tokens.list(account_id=caller.account, per_page=5)]
    equal(tokens.delete(made.id, account_id=caller.account).id, made.id)
    refused(NotFoundError, lambda: tokens.get(made.id, account_id=caller.account))
    refused(NotFoundError, lambda: tokens.delete(made.id, account_id=caller.account))


@test
def a_token_of_the_user_is_made_used_rolled_and_removed(caller):
    tokens = caller.client.user.tokens
    made = tokens.create(name="mine", policies=policies(caller))
    equal(made.value[:5], "cfut_")
    own = with_token(caller, made.value)
    equal(own.user.tokens.verify().status, "active")
    refused(AuthenticationError, lambda: own.accounts.tokens.verify(account_id=caller.account))
    rolled = tokens.value.update(made.id)
    equal(with_token(caller, rolled).user.tokens.verify().id, made.id)
    disabled = tokens.update(made.id, name="mine", policies=policies(caller), status="disabled")
    equal((disabled.status, with_token(caller, rolled).user.tokens.verify().status), ("disabled", "disabled"))
    equal(tokens.delete(made.id).id, made.id)
    refused(NotFoundError, lambda: tokens.get(made.id))


@test
def a_token_that_says_nothing_sensible_is_refused(caller):
    tokens = caller.client.accounts.tokens
    denies = [{**policies(caller)[0], "effect": "deny"}]
    for wrong in (
        {"name": "x" * 121, "policies": policies(caller)},
        {"name": "denies", "policies": denies},
        {"name": "late", "policies": policies(caller), "not_before": "2030-01-01T00:00:00Z", "expires_on": "2029-01-01T00:00:00Z"},
        {"name": "net", "policies": policies(caller), "condition": {"request_ip": {"in": ["10.0.0.0/33"]}}},
    ):
        refused(BadRequestError, lambda: tokens.create(account_id=caller.account, **wrong))


@test
def memberships_and_the_user_are_seen_by_the_person(caller):
    client = caller.client
    found = [one for one in client.memberships.list(per_page=5) if one.account.id == caller.account]
    (own,) = found
    got = client.memberships.get(own.id)
    equal((got.status, got.account.id), ("accepted", caller.account))
    equal((got.permissions.organization.read, got.permissions.organization.write), (True, True))
    equal(client.memberships.update(own.id, status="accepted").id, own.id)
    equal(list(client.user.invites.list()), [])
    user = client.user.edit(first_name="Ada", zipcode="12345")
    equal((client.user.get().first_name, user.zipcode), ("Ada", "12345"))
    client.user.edit(first_name=None, zipcode=None)
    equal(client.user.get().first_name, None)


@test
def an_account_is_renamed_and_deleted(caller):
    accounts = caller.client.accounts
    made = accounts.create(name=f"Short lived {caller.scheme}", type="standard")
    renamed = accounts.update(account_id=made.id, id=made.id, name="Renamed", type="standard", settings={"enforce_twofactor": True})
    equal((renamed.name, renamed.settings.enforce_twofactor), ("Renamed", True))
    equal(accounts.delete(account_id=made.id).id, made.id)
    assert made.id not in [account.id for account in accounts.list()]
