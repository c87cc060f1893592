"""The SDK asks again when an answer is lost, late or broken; nothing may happen twice for that."""

import time

from cloudflare import BadRequestError, InternalServerError, RateLimitError

from support import Recorded, control, equal, refused, test

GROUPS = "/iam/user_groups"


def fault(**what):
    control("fault", {"path": GROUPS, **what})


def lost_answer(caller, name, **how):
    """A create whose first answer never arrives."""
    fault(method="POST", forward=True, **how)
    with Recorded() as passed:
        made = caller.user_group(name)
    equal([request["faulted"] for request in passed.requests], [True, False])
    equal([request["retry"] for request in passed.requests], ["0", "1"])
    first, second = (request["answer"]["result"] for request in passed.requests)
    equal(second, first)
    equal([group.id for group in caller.iam.user_groups.list(account_id=caller.account, name=caller.name(name))], [made.id])


@test
def a_create_whose_answer_was_cut_off_happens_once(caller):
    lost_answer(caller, "Cut off")


@test
def a_create_whose_answer_turned_into_a_500_happens_once(caller):
    lost_answer(caller, "Broken", status=500)


@test
def the_same_create_without_a_retry_is_a_second_one(caller):
    caller.user_group("Not a retry")
    refused(BadRequestError, lambda: caller.user_group("Not a retry"), 1003)


@test
def a_request_that_is_told_to_wait_waits(caller):
    fault(method="GET", status=429, headers={"retry-after": "1"})
    started = time.monotonic()
    caller.iam.user_groups.list(account_id=caller.account)
    assert time.monotonic() - started >= 1


@test
def after_three_tries_the_failure_is_told(caller):
    for status, kind in ((500, InternalServerError), (429, RateLimitError)):
        fault(method="GET", status=status, times=3, headers={"retry-after-ms": "10"})
        with Recorded() as passed:
            refused(kind, lambda: caller.iam.user_groups.list(account_id=caller.account))
        equal([request["retry"] for request in passed.requests], ["0", "1", "2"])
