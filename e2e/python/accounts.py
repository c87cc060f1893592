"""Accounts, and the registry of their zones."""

from cloudflare import NotFoundError

from support import SUITE, equal, is_id, is_time, refused, test


@test
def an_account_is_made_listed_and_read(caller):
    accounts = caller.client.accounts
    made = accounts.create(name=caller.name("Second"), type="standard")
    is_id(made.id)
    equal(made.name, caller.name("Second"))
    listed = list(accounts.list(per_page=5))
    assert {caller.account, made.id} <= {account.id for account in listed}
    got = accounts.get(account_id=made.id)
    equal((got.id, got.name, got.settings.enforce_twofactor), (made.id, made.name, False))
    is_time(got.created_on)
    equal([account.id for account in accounts.list(name=made.name)], [made.id])


@test
def a_zone_is_registered_listed_read_and_removed(caller):
    zones = caller.client.zones
    made = caller.zone("registered")
    is_id(made.id)
    equal((made.name, made.account.id), (f"registered-{caller.scheme}-{SUITE}.example.com", caller.account))
    equal(zones.get(zone_id=made.id).to_dict(), made.to_dict())
    equal([zone.id for zone in zones.list(name=made.name)], [made.id])
    mine = [zone.id for zone in zones.list(account={"id": caller.account}, per_page=5)]
    assert made.id in mine
    equal(zones.delete(zone_id=made.id).id, made.id)
    refused(NotFoundError, lambda: zones.get(zone_id=made.id))
    refused(NotFoundError, lambda: zones.delete(zone_id=made.id))
