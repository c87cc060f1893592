"""The older view of what a member may hold."""

from cloudflare import NotFoundError

from support import UNKNOWN, equal, is_id, refused, test


@test
def roles_are_paged_to_the_end(caller):
    pages = list(caller.client.accounts.roles.list(account_id=caller.account, per_page=10).iter_pages())
    assert len(pages) > 3, len(pages)
    roles = [role for page in pages for role in page.result]
    equal(len(roles), len({role.id for role in roles}))
    assert "Super Administrator - All Privileges" in {role.name for role in roles}


@test
def a_role_has_details(caller):
    listed = next(iter(caller.client.accounts.roles.list(account_id=caller.account)))
    role = caller.client.accounts.roles.get(listed.id, account_id=caller.account)
    is_id(role.id)
    equal(role, listed)
    assert role.description
    assert role.permissions is not None


@test
def an_unknown_role_is_not_found(caller):
    refused(NotFoundError, lambda: caller.client.accounts.roles.get(UNKNOWN, account_id=caller.account))
