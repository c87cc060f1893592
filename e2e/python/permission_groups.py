"""Both catalogues: what a token may hold, and what a member may hold."""

from cloudflare import NotFoundError
from cloudflare.types.iam import PermissionGroupGetResponse

from support import UNKNOWN, equal, is_id, refused, single, test

ACCOUNT = "com.cloudflare.api.account"
ZONE = "com.cloudflare.api.account.zone"


# The scopes that the SDKs' types know; a strict client refuses the list of all, which has newer ones too.
TYPED = [ACCOUNT, ZONE, "com.cloudflare.api.user", "com.cloudflare.edge.r2.bucket"]


def typed(method, **parameters):
    return [group for scope in TYPED for group in method(**parameters, extra_query={"scope": scope})]


@test
def the_permission_groups_for_account_tokens_are_listed(caller):
    groups = typed(caller.client.accounts.tokens.permission_groups.list, account_id=caller.account)
    assert len(groups) > 300, len(groups)
    is_id(groups[0].id)
    dns_read = next(group for group in groups if group.id == "82e64a83756745bbbb1c9c2701bf816b")
    equal((dns_read.name, dns_read.scopes), ("DNS Read", [ZONE]))
    assert not any(group.scopes == ["com.cloudflare.api.user"] for group in groups)


@test
def get_of_the_permission_groups_for_account_tokens_gives_the_same_list(caller):
    groups = caller.client.accounts.tokens.permission_groups
    listed = [group.id for group in typed(groups.list, account_id=caller.account)]
    equal([group.id for group in typed(groups.get, account_id=caller.account)], listed)


@test
def the_permission_groups_for_user_tokens_are_listed(caller):
    names = {group.name for group in typed(caller.client.user.tokens.permission_groups.list)}
    assert {"API Tokens Write", "DNS Read"} <= names, names


@test
def name_and_scope_filter_the_permission_groups_for_tokens(caller):
    account, user = caller.path + "/tokens/permission_groups", "/user/tokens/permission_groups"
    for path in (account, user):

        def ids(**query):
            answer = caller.client.get(path, cast_to=dict, options={"params": query})
            return [group["id"] for group in answer["result"]]

        equal(ids(name="DNS Read", scope=ZONE), ["82e64a83756745bbbb1c9c2701bf816b"])
        equal(len(ids(name="Disable ESC Read")), 2)
        equal(ids(name="Disable ESC Read", scope=ZONE), ["e199d584e69344eba202452019deafe3"])
        equal(ids(name="no such permission group"), [])
        equal(ids(name="DNS%20Read"), [])


@test
def name_and_scope_are_parameters_of_the_new_sdk(caller):
    if caller.new:
        (group,) = caller.client.accounts.tokens.permission_groups.list(
            account_id=caller.account, name="DNS Read", scope=ZONE
        )
        equal((group.id, group.category), ("82e64a83756745bbbb1c9c2701bf816b", "dns_and_zones"))
        (group,) = caller.client.user.tokens.permission_groups.list(name="DNS Write")
        equal(group.id, "4755a26eedb94da69e1066d98aa820be")


@test
def iam_permission_groups_are_paged_to_the_end(caller):
    pages = list(caller.iam.permission_groups.list(account_id=caller.account, per_page=5).iter_pages())
    assert len(pages) > 4, len(pages)
    names = [group.name for page in pages for group in page.result]
    equal(names, sorted(names, key=str.casefold))
    equal(len(names), len({group.id for page in pages for group in page.result}))


@test
def an_iam_permission_group_is_found_by_id_name_and_label(caller):
    (by_label,) = caller.iam.permission_groups.list(account_id=caller.account, label="admin_readonly")
    (by_name,) = caller.iam.permission_groups.list(account_id=caller.account, name="Administrator Read Only")
    (by_id,) = caller.iam.permission_groups.list(account_id=caller.account, id=by_label.id)
    equal([by_name, by_id], [by_label, by_label])
    equal(list(caller.iam.permission_groups.list(account_id=caller.account, label="no_such_label")), [])


@test
def an_iam_permission_group_has_details(caller):
    groups = caller.iam.permission_groups
    group = single(groups, "get", PermissionGroupGetResponse, caller.label("admin"), account_id=caller.account)
    equal(group.name, "Administrator")
    meta = group.meta.to_dict()
    equal((meta["label"], meta["scopes"]), ("admin", "com.cloudflare.api.account"))


@test
def an_unknown_iam_permission_group_is_not_found(caller):
    refused(NotFoundError, lambda: caller.iam.permission_groups.get(UNKNOWN, account_id=caller.account), 1002)
