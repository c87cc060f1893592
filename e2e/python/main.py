"""The suite of the Python SDK, of 5.x and of 4.3.1: everything with a token, and everything again with e-mail and key."""

import sys

import accounts
import account_members
import audit_logs
import errors
import permission_groups
import resource_groups
import retries
import roles
import sso
import support
import tokens
import user_group_members
import user_groups

MODULES = [
    permission_groups, roles, resource_groups, user_groups, user_group_members,
    account_members, accounts, tokens, audit_logs, sso, errors, retries,
]  # fmt: skip

if __name__ == "__main__":
    sys.exit(support.run(MODULES))
