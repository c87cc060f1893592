"""Named sets of resources."""

from cloudflare import BadRequestError, NotFoundError, PermissionDeniedError
from cloudflare.types.iam import ResourceGroupGetResponse

from support import UNKNOWN, equal, is_id, refused, scope_of, single, test


class Groups:
    """The five operations, the same for both generations."""

    def __init__(self, caller):
        self.groups = caller.iam.resource_groups
        self.account = {"account_id": caller.account}

    def list(self, **query):
        return list(self.groups.list(**self.account, **query))

    def create(self, name, scope):
        return single(self.groups, "create", ResourceGroupGetResponse, name=name, scope=scope, **self.account)

    def get(self, group):
        return single(self.groups, "get", ResourceGroupGetResponse, group, **self.account)

    def update(self, group, **change):
        return single(self.groups, "update", ResourceGroupGetResponse, group, **change, **self.account)

    def delete(self, group):
        return self.groups.delete(group, **self.account)


@test
def a_resource_group_lives_and_dies(caller):
    zones = caller.zone("rg-one"), caller.zone("rg-two")
    groups = Groups(caller)
    made = groups.create(caller.name("Shops"), caller.scope(*zones))
    is_id(made.id)
    equal(made.name, caller.name("Shops"))
    equal(scope_of(made).key, f"com.cloudflare.api.account.{caller.account}")
    equal([item.key for item in scope_of(made).objects], [item["key"] for item in caller.scope(*zones)["objects"]])

    got = groups.get(made.id)
    equal((got.id, got.name, scope_of(got).to_dict()), (made.id, made.name, scope_of(made).to_dict()))

    renamed = groups.update(made.id, name=caller.name("Stores"))
    equal((renamed.name, scope_of(renamed).to_dict()), (caller.name("Stores"), scope_of(made).to_dict()))
    narrowed = groups.update(made.id, scope=caller.scope(zones[0]))
    equal(narrowed.name, caller.name("Stores"))
    equal(len(scope_of(narrowed).objects), 1)

    equal(groups.delete(made.id).id, made.id)
    refused(NotFoundError, lambda: groups.get(made.id), 1002)
    refused(NotFoundError, lambda: groups.delete(made.id), 1002)


@test
def resource_groups_are_listed_and_found(caller):
    groups = Groups(caller)
    zone = caller.zone("rg-found")
    made = groups.create(caller.name("Found"), caller.scope(zone))
    # 4.3.1 pages this list, so it must also end.
    listed = groups.list()
    names = {group.name for group in listed}
    assert {made.name, f"com.cloudflare.api.account.{caller.account}", f"com.cloudflare.api.account.zone.{zone.id}"} <= names
    equal([group.id for group in groups.list(id=made.id)], [made.id])
    equal([group.id for group in groups.list(name=made.name)], [made.id])
    equal(groups.list(name="no such group"), [])


@test
def an_update_of_a_resource_group_with_nothing_changes_nothing(caller):
    made = Groups(caller).create(caller.name("Same"), caller.scope())
    before = caller.get(f"/iam/resource_groups/{made.id}")
    Groups(caller).update(made.id)
    equal(caller.get(f"/iam/resource_groups/{made.id}"), before)


@test
def the_built_in_resource_groups_cannot_be_changed(caller):
    zone = caller.zone("rg-builtin")
    (of_zone,) = Groups(caller).list(name=f"com.cloudflare.api.account.zone.{zone.id}")
    for group in (caller.everything(), of_zone.id):
        refused(PermissionDeniedError, lambda: Groups(caller).delete(group))
        refused(PermissionDeniedError, lambda: Groups(caller).update(group, name=caller.name("Mine")))


@test
def a_resource_group_in_use_is_kept(caller):
    groups = Groups(caller)
    made = groups.create(caller.name("Used"), caller.scope())
    user = caller.user_group("Users of Used", policies=[caller.policy("admin_readonly", place=made.id)])
    refused(BadRequestError, lambda: groups.delete(made.id), 1010)
    caller.iam.user_groups.delete(user.id, account_id=caller.account)
    equal(groups.delete(made.id).id, made.id)


@test
def a_resource_group_name_is_taken_once(caller):
    def create(name):
        return Groups(caller).create(name, caller.scope())

    create(caller.name("Taken"))
    refused(BadRequestError, lambda: create(caller.name("Taken")), 1003, "/name")
    refused(BadRequestError, lambda: create(f"  {caller.name('tAKEN')} "), 1003, "/name")
    refused(BadRequestError, lambda: create(""), 1003, "/name")
    refused(BadRequestError, lambda: create("com.cloudflare.api.mine"), 1003, "/name")


@test
def a_scope_names_known_resources_of_this_account(caller):
    def create(scope):
        return Groups(caller).create(caller.name("Wrong"), scope)

    own = f"com.cloudflare.api.account.{caller.account}"
    refused(BadRequestError, lambda: create({"key": own, "objects": []}), 1001, "/scope/objects")
    foreign = {"key": f"com.cloudflare.api.account.{UNKNOWN}", "objects": [{"key": "*"}]}
    refused(BadRequestError, lambda: create(foreign), 1001, "/scope/key")
    unknown = {"key": own, "objects": [{"key": f"com.cloudflare.api.account.zone.{UNKNOWN}"}]}
    refused(BadRequestError, lambda: create(unknown), 1001, "/scope/objects/0/key")
