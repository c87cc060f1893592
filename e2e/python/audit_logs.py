"""The audit log: by cursor, by object, and in its older form."""

from datetime import datetime, timedelta, timezone

from cloudflare import BadRequestError, NotFoundError

from support import equal, is_id, is_time, refused, test


def days():
    """Yesterday to the day after tomorrow, in UTC."""
    day = lambda offset: (datetime.now(timezone.utc) + timedelta(days=offset)).date().isoformat()  # noqa: E731
    return {"since": day(-1), "before": day(2)}


def audit(caller, **question):
    return list(caller.client.accounts.logs.audit.list(account_id=caller.account, **days(), **question))


@test
def the_audit_log_is_walked_by_its_cursor_to_the_end(caller):
    group = caller.user_group("audited")
    refused(BadRequestError, lambda: caller.user_group("audited"), 1003)
    pages = list(caller.client.accounts.logs.audit.list(account_id=caller.account, **days(), limit=3).iter_pages())
    assert len(pages) > 1, len(pages)
    entries = [entry for page in pages for entry in page.result]
    equal(len({entry.id for entry in entries}), len(entries))
    assert any(entry.resource.id == group.id and entry.action.type == "create" for entry in entries)
    failed = next(entry for entry in entries if entry.action.result == "failure" and entry.resource.product == "user_groups")
    equal((failed.raw.status_code, failed.actor.email, failed.account.id), (400, caller.email, caller.account))
    equal(failed.actor.context, "api_token" if caller.scheme == "token" else "api_key")
    is_time(failed.action.time)


@test
def entries_of_the_audit_log_are_left_out_by_what_they_are(caller):
    group = caller.user_group("filtered")
    successes = audit(caller, limit=1000, action_result={"not": ["failure"]}, actor_type={"not": ["system"]})
    assert successes and all(entry.action.result == "success" for entry in successes)
    others = audit(caller, limit=1000, resource_id={"not": [group.id]})
    assert others and all(entry.resource.id != group.id for entry in others)
    categories = caller.get("/logs/audit", **days(), limit=1000, product_category="access_control", direction="asc")
    assert any(entry["resource"].get("id") == group.id for entry in categories)
    wrong = lambda **question: lambda: caller.get("/logs/audit", **{**days(), **question})  # noqa: E731
    refused(BadRequestError, wrong(product_category="nonsense"), 1001, "?product_category")
    refused(BadRequestError, wrong(before=days()["since"]), 1001, "?since")
    refused(BadRequestError, wrong(cursor="nonsense"), 1001, "?cursor")


@test
def the_history_of_an_object_is_asked_for_by_one_of_its_entries(caller):
    group = caller.user_group("with a history")
    caller.iam.user_groups.update(group.id, account_id=caller.account, name=caller.name("with a longer history"))
    entry = next(entry for entry in audit(caller, limit=1000) if entry.resource.id == group.id)
    question = {**days(), "action_time": entry.action.time.isoformat()}
    path = f"/logs/audit/{entry.id}/history"
    if caller.new:
        history = caller.client.accounts.logs.audit.history(entry.id, account_id=caller.account, **question)
        equal([one.action.type for one in history], ["update", "create"])
    equal([one["action"]["type"] for one in caller.get(path, **question)], ["update", "create"])
    unknown = "/logs/audit/f174be97-19b1-40d6-954d-70cd5fbd52db/history"
    refused(NotFoundError, lambda: caller.get(unknown, **question), 1002)


@test
def the_categories_of_products_are_listed(caller):
    if caller.new:
        categories = caller.client.accounts.logs.audit.product_categories(account_id=caller.account)
        assert any(category.value == "access_control" and category.products for category in categories)
    assert caller.get("/logs/audit/product_categories")


@test
def the_older_audit_logs_are_paged_by_number(caller):
    group = caller.user_group("in the older log")
    logs = list(caller.client.audit_logs.list(account_id=caller.account, per_page=50, direction="desc"))
    (made,) = [log for log in logs if log.resource.id == group.id]
    equal((made.action.type, made.action.result, made.actor.email), ("add", True, caller.email))
    equal(made.owner.id, caller.account)
    is_time(made.when)
    own = list(caller.client.user.audit_logs.list(per_page=5))
    assert own
    is_id(own[0].owner.id)
