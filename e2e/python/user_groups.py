"""Groups of members, and the policies that they carry."""

from cloudflare import BadRequestError, NotFoundError

from support import UNKNOWN, equal, is_id, is_time, refused, scope_of, test

MANY = 45


@test
def a_user_group_lives_and_dies(caller):
    groups = caller.iam.user_groups
    made = caller.user_group("Staff")
    is_id(made.id)
    is_time(made.created_on)
    is_time(made.modified_on)
    equal((made.name, made.policies), (caller.name("Staff"), None))
    equal(groups.get(made.id, account_id=caller.account).to_dict(), made.to_dict())

    renamed = groups.update(made.id, account_id=caller.account, name=caller.name("Crew"))
    equal(renamed.name, caller.name("Crew"))
    equal(renamed.created_on, made.created_on)
    assert renamed.modified_on > made.modified_on

    equal(groups.delete(made.id, account_id=caller.account).id, made.id)
    refused(NotFoundError, lambda: groups.get(made.id, account_id=caller.account), 1002)
    refused(NotFoundError, lambda: groups.delete(made.id, account_id=caller.account), 1002)
    refused(NotFoundError, lambda: groups.update(made.id, account_id=caller.account, name="x"), 1002)


@test
def policies_of_a_user_group_are_shown_in_full_and_in_their_order(caller):
    groups = caller.iam.user_groups
    policies = [caller.policy("dns_admin"), caller.policy("admin_readonly", "deny")]
    made = caller.user_group("Policies", policies=policies)
    equal([policy.access for policy in made.policies], ["allow", "deny"])
    first = made.policies[0]
    is_id(first.id)
    equal((first.permission_groups[0].id, first.permission_groups[0].name), (caller.label("dns_admin"), "DNS"))
    equal(first.resource_groups[0].id, caller.everything())
    equal(scope_of(first.resource_groups[0]).objects[0].key, "*")

    equal(groups.get(made.id, account_id=caller.account).to_dict(), made.to_dict())

    # Policies that are sent with their ids keep them, the order is the client's, and a new one gets an id.
    sent = [{"id": policy.id, **request} for policy, request in zip(made.policies, policies)]
    turned = groups.update(made.id, account_id=caller.account, policies=[caller.policy("teams_admin"), *reversed(sent)])
    equal([policy.id for policy in turned.policies[1:]], [made.policies[1].id, made.policies[0].id])
    is_id(turned.policies[0].id)
    kept = groups.update(made.id, account_id=caller.account, name=caller.name("Policies kept"))
    equal([policy.id for policy in kept.policies], [policy.id for policy in turned.policies])
    cleared = groups.update(made.id, account_id=caller.account, policies=[])
    equal(cleared.policies, None)


@test
def an_update_of_a_user_group_with_nothing_keeps_the_time(caller):
    made = caller.user_group("Same", policies=[caller.policy("dns_admin")])
    same = caller.iam.user_groups.update(made.id, account_id=caller.account)
    equal(same.to_dict(), made.to_dict())
    again = caller.iam.user_groups.update(made.id, account_id=caller.account, name=made.name)
    equal(again.modified_on, made.modified_on)


@test
def many_user_groups_are_paged_to_the_end(caller):
    made = {caller.user_group(f"Many {number:02}").id for number in range(MANY)}
    pages = list(caller.iam.user_groups.list(account_id=caller.account, per_page=20).iter_pages())
    assert len(pages) >= 3, len(pages)
    equal([len(page.result) for page in pages[:2]], [20, 20])
    groups = [group for page in pages for group in page.result]
    assert made <= {group.id for group in groups}
    equal(len(groups), len({group.id for group in groups}))

    found = list(caller.iam.user_groups.list(account_id=caller.account, fuzzy_name="MANY", per_page=7))
    equal({group.id for group in found if group.id in made}, made)
    past = caller.iam.user_groups.list(account_id=caller.account, page=99)
    equal(past.result, [])


@test
def user_groups_are_sorted_and_found_by_name(caller):
    names = [caller.name(f"Sorted {letter}") for letter in "bca"]
    for letter in "bca":
        caller.user_group(f"Sorted {letter}")

    def found(**query):
        return [group.name for group in caller.iam.user_groups.list(account_id=caller.account, **query)]

    mine = caller.scheme
    up = [name for name in found(fuzzy_name="sorted") if name.endswith(mine)]
    down = [name for name in found(fuzzy_name="sorted", direction="desc") if name.endswith(mine)]
    equal((up, down), (sorted(names), sorted(names, reverse=True)))
    equal(found(name=names[0]), [names[0]])
    equal(found(name="Sorted"), [])
    equal(found(fuzzy_name="Sort%"), [])
    (one,) = caller.iam.user_groups.list(account_id=caller.account, name=names[1])
    equal([group.id for group in caller.iam.user_groups.list(account_id=caller.account, id=one.id)], [one.id])


@test
def a_user_group_name_is_taken_once(caller):
    made = caller.user_group("Taken")
    other = caller.user_group("Other")
    refused(BadRequestError, lambda: caller.user_group("Taken"), 1003, "/name")
    refused(BadRequestError, lambda: caller.user_group("tAKEN"), 1003, "/name")
    rename = lambda: caller.iam.user_groups.update(other.id, account_id=caller.account, name=made.name)
    refused(BadRequestError, rename, 1003, "/name")
    empty = lambda: caller.iam.user_groups.create(account_id=caller.account, name="", policies=[])
    refused(BadRequestError, empty, 1003, "/name")


@test
def a_policy_names_known_groups(caller):
    def with_policy(**change):
        return lambda: caller.user_group("Wrong", policies=[{**caller.policy("dns_admin"), **change}])

    unknown = [{"id": UNKNOWN}]
    refused(BadRequestError, with_policy(permission_groups=unknown), None, "/policies/0/permission_groups/0/id")
    refused(BadRequestError, with_policy(resource_groups=unknown), None, "/policies/0/resource_groups/0/id")
    # An id of the other catalogue is refused, and the refusal says where to look.
    token_group = [{"id": "4755a26eedb94da69e1066d98aa820be"}]
    error = refused(BadRequestError, with_policy(permission_groups=token_group), None, "/policies/0/permission_groups/0/id")
    assert "iam/permission_groups" in error.errors[0].message, error.errors


@test
def an_account_wide_permission_group_does_not_fit_a_domain(caller):
    zone = caller.zone("ug-pair")
    (of_zone,) = caller.iam.resource_groups.list(account_id=caller.account, name=f"com.cloudflare.api.account.zone.{zone.id}")
    policy = caller.policy("admin", place=of_zone.id)
    refused(BadRequestError, lambda: caller.user_group("Pair", policies=[policy]), 1006)
    fits = caller.user_group("Pair", policies=[caller.policy("domain_admin", place=of_zone.id)])
    equal(fits.policies[0].resource_groups[0].id, of_zone.id)
