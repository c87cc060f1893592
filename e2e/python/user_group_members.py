"""Who is in a user group."""

from cloudflare import BadRequestError, NotFoundError

from support import UNKNOWN, equal, is_id, refused, test


class Group:
    """A user group, whose members are written with the parameter names of both generations."""

    def __init__(self, caller, name):
        self.caller = caller
        self.id = caller.user_group(name).id
        self.path = f"/iam/user_groups/{self.id}/members"

    def _written(self, method, members):
        body = [{"id": member} for member in members]
        parameter = {"members": body} if self.caller.new else {"body": body}
        return method(self.id, account_id=self.caller.account, **parameter)

    def add(self, *members):
        """5.x models a list here, 4.3.1 one object; the strict client has made sure that it gets its own."""
        added = self._written(self.caller.iam.user_groups.members.create, members)
        return list(added) if self.caller.new else [added]

    def replace(self, *members):
        return list(self._written(self.caller.iam.user_groups.members.update, members))

    def remove(self, member):
        return self.caller.iam.user_groups.members.delete(member, account_id=self.caller.account, user_group_id=self.id)

    def list(self, **query):
        return list(self.caller.iam.user_groups.members.list(self.id, account_id=self.caller.account, extra_query=query))

    def ids(self, **query):
        return [member.id for member in self.list(**query)]

    def get(self, member):
        if self.caller.new:
            found = self.caller.iam.user_groups.members.get(member, account_id=self.caller.account, user_group_id=self.id)
            return found.to_dict(mode="json")
        return self.caller.get(f"{self.path}/{member}")


@test
def members_join_and_leave_a_user_group(caller):
    group = Group(caller, "Joined")
    first, second = caller.member("joined.a"), caller.member("joined.b")
    (added,) = group.add(first.id)
    is_id(added.id)
    equal((added.id, added.email, added.status), (first.id, "joined.a.%s@members.example.com" % caller.scheme, "pending"))
    group.add(second.id)
    equal(group.ids(), [first.id, second.id])
    group.add(first.id)
    equal(group.ids(), [first.id, second.id])

    equal(group.remove(first.id).id, first.id)
    equal(group.ids(), [second.id])
    refused(NotFoundError, lambda: group.remove(first.id), 1002)
    refused(NotFoundError, lambda: group.get(first.id), 1002)


@test
def the_members_of_a_user_group_are_replaced(caller):
    group = Group(caller, "Replaced")
    members = [caller.member(f"replaced.{letter}").id for letter in "abc"]
    equal([member.id for member in group.replace(members[2], members[0])], [members[2], members[0]])
    equal(group.ids(), [members[0], members[2]])
    equal([member.id for member in group.replace(members[1])], [members[1]])
    equal(group.replace(), [])
    equal(group.ids(), [])


@test
def a_member_of_a_user_group_has_details(caller):
    group = Group(caller, "Details")
    member = caller.member("details")
    group.add(member.id)
    got = group.get(member.id)
    equal((got["id"], got["email"], got["status"]), (member.id, member.user.email, "pending"))
    assert got["created_at"].startswith("20"), got


@test
def the_members_of_a_user_group_are_paged_sorted_and_found(caller):
    group = Group(caller, "Paged")
    letters = "gbfaced"
    members = {letter: caller.member(f"paged.{letter}").id for letter in letters}
    group.replace(*members.values())
    sorted_ids = [members[letter] for letter in sorted(letters)]
    pages = caller.iam.user_groups.members.list(group.id, account_id=caller.account, per_page=3).iter_pages()
    equal([len(page.result) for page in pages][:3], [3, 3, 1])
    equal(group.ids(), sorted_ids)
    equal(group.ids(direction="desc"), sorted_ids[::-1])
    equal(group.ids(fuzzyEmail="PAGED.C"), [members["c"]])
    equal(group.ids(fuzzyEmail="nobody"), [])
    equal(group.ids(page=9), [])


@test
def an_unknown_member_spoils_the_whole_request(caller):
    group = Group(caller, "Spoiled")
    member = caller.member("spoiled")
    refused(BadRequestError, lambda: group.add(member.id, UNKNOWN))
    refused(BadRequestError, lambda: group.replace(UNKNOWN))
    equal(group.ids(), [])


@test
def a_deleted_user_group_has_no_members(caller):
    group = Group(caller, "Gone")
    group.add(caller.member("gone").id)
    caller.iam.user_groups.delete(group.id, account_id=caller.account)
    refused(NotFoundError, group.ids, 1002)
