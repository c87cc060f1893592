"""Who belongs to the account, and what each may do."""

from cloudflare import BadRequestError, NotFoundError

from support import UNKNOWN, equal, is_id, refused, test

MANY = 25


def role(caller, name):
    return next(role for role in caller.client.accounts.roles.list(account_id=caller.account) if role.name == name)


@test
def a_member_is_added_with_roles_and_given_others(caller):
    members = caller.client.accounts.members
    reader, dns = role(caller, "Administrator Read Only"), role(caller, "DNS")
    made = caller.member("with.roles", roles=[reader.id])
    is_id(made.id)
    equal((made.status, made.user.email), ("pending", f"with.roles.{caller.scheme}@members.example.com"))
    got = members.get(made.id, account_id=caller.account)
    equal([role.id for role in got.roles], [reader.id])
    # A role is seen as a policy, too: its permission group on the whole account.
    (policy,) = got.policies
    equal((policy.access, policy.resource_groups[0].id), ("allow", caller.everything()))
    equal(policy.permission_groups[0].id, caller.label("admin_readonly"))

    updated = members.update(made.id, account_id=caller.account, roles=[{"id": dns.id}])
    equal([role.name for role in updated.roles], ["DNS"])
    equal(members.delete(made.id, account_id=caller.account).id, made.id)
    refused(NotFoundError, lambda: members.get(made.id, account_id=caller.account))
    refused(NotFoundError, lambda: members.delete(made.id, account_id=caller.account))


@test
def a_member_is_added_with_policies_and_given_others(caller):
    members = caller.client.accounts.members
    made = caller.member("with.policies", policies=[caller.policy("dns_admin")])
    got = members.get(made.id, account_id=caller.account)
    equal([role.name for role in got.roles], ["DNS"])
    equal(got.policies[0].permission_groups[0].id, caller.label("dns_admin"))
    zone = caller.zone("am-policies")
    (of_zone,) = caller.iam.resource_groups.list(account_id=caller.account, name=f"com.cloudflare.api.account.zone.{zone.id}")
    policies = [caller.policy("domain_admin", place=of_zone.id), caller.policy("admin_readonly", "deny")]
    updated = members.update(made.id, account_id=caller.account, policies=policies)
    equal([policy.access for policy in updated.policies], ["allow", "deny"])
    equal(updated.policies[0].resource_groups[0].name, f"com.cloudflare.api.account.zone.{zone.id}")


@test
def an_invited_member_can_be_invited_again(caller):
    first = caller.member("again", roles=[])
    again = caller.member("again", policies=[caller.policy("dns_admin")])
    equal((again.id, len(again.policies)), (first.id, 1))


@test
def members_are_paged_sorted_and_filtered(caller):
    made = [caller.member(f"many.{number:02}").id for number in range(MANY)]
    members = caller.client.accounts.members
    pages = list(members.list(account_id=caller.account, per_page=10).iter_pages())
    assert len(pages) >= 3, len(pages)
    ids = [member.id for page in pages for member in page.result]
    assert set(made) <= set(ids)
    equal(len(ids), len(set(ids)))

    def emails(**query):
        return [member.user.email for member in members.list(account_id=caller.account, **query)]

    equal(emails(order="user.email"), sorted(emails()))
    equal(emails(order="user.email", direction="desc"), sorted(emails(), reverse=True))
    equal(emails(status="accepted"), [caller.email])
    assert caller.email not in emails(status="pending")


@test
def the_only_super_administrator_stays(caller):
    members = caller.client.accounts.members
    (admin,) = members.list(account_id=caller.account, status="accepted")
    refused(BadRequestError, lambda: members.delete(admin.id, account_id=caller.account), 1012)
    refused(BadRequestError, lambda: members.update(admin.id, account_id=caller.account, policies=[]), 1012)


@test
def a_member_needs_a_known_role_and_an_address(caller):
    refused(BadRequestError, lambda: caller.member("wrong.role", roles=[UNKNOWN]))
    no_address = lambda: caller.client.accounts.members.create(account_id=caller.account, email="nobody", roles=[])
    refused(BadRequestError, no_address, None, "/email")
    refused(NotFoundError, lambda: caller.client.accounts.members.get(UNKNOWN, account_id=caller.account))


@test
def dev_accepts_a_member_at_once(caller):
    dev = caller.dev()
    made = dev.member(f"accepted.{'new' if caller.new else 'old'}", roles=[], status="accepted")
    equal(dev.client.accounts.members.get(made.id, account_id=dev.account).status, "accepted")
