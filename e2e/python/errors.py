"""Each failure comes as the SDK's own class for it."""

from cloudflare import BadRequestError, NotFoundError, PermissionDeniedError

from support import UNKNOWN, Recorded, equal, refused, test


@test
def a_wrong_credential_is_permission_denied(caller):
    if caller.scheme == "token":
        stranger, code = caller.with_credentials(api_token="a" * 40), 9109
    else:
        stranger, code = caller.with_credentials(api_email=caller.email, api_key="0" * 37), 9103
    refused(PermissionDeniedError, lambda: stranger.iam.user_groups.list(account_id=caller.account), code)


@test
def a_foreign_account_is_permission_denied(caller):
    refused(PermissionDeniedError, lambda: caller.iam.user_groups.list(account_id=UNKNOWN), 10000)


@test
def an_unknown_path_is_not_found(caller):
    refused(NotFoundError, lambda: caller.client.get("/_stainless_unknown_path", cast_to=dict))


@test
def a_wrong_value_is_a_bad_request_with_its_place(caller):
    policy = {"access": "perhaps", "permission_groups": [], "resource_groups": []}
    refused(BadRequestError, lambda: caller.user_group("Wrong", policies=[policy]), 1001, "/policies/0/access")


@test
def a_failure_is_asked_for_once(caller):
    with Recorded() as passed:
        refused(NotFoundError, lambda: caller.iam.user_groups.get(UNKNOWN, account_id=caller.account), 1002)
    equal([request["status"] for request in passed.requests], [404])
    equal(passed.requests[0]["scheme"], caller.scheme)
