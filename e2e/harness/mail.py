"""Invitations by mail, over a real SMTP server: they arrive, work once, bounce, and wait for a server that is away."""

import re
import subprocess
import time

from . import servers
from .smtp import Smtp
from .wire import Client, equal

FROM = "Portcullis <iam@example.com>"
# The first retry comes after 60 s, at the next look of the sender, which looks every 30 s.
RETRIED_WITHIN = 110


def run(harness):
    smtp = Smtp()
    smtp.start()
    try:
        proxy, fixture = harness.serve("mail", "--smtp-url", f"smtp://127.0.0.1:{smtp.port}", "--mail-from", FROM)
        admin = Client.of(proxy, fixture)
        for test in (
            an_invitation_arrives_and_its_link_works_once,
            an_invitation_that_is_made_again_voids_the_link_before,
            mail_that_bounces_is_told_at_the_member_and_not_tried_again,
            mail_waits_for_a_server_that_is_away,
        ):
            name = f"mail: {test.__name__.replace('_', ' ')}"
            try:
                test(admin, smtp, harness.folder / "mail" / "serve")
            except Exception as error:
                harness.report.fail(name, f"{type(error).__name__}: {error}")
            else:
                harness.report.ok(name)
    finally:
        smtp.stop()


def invited(admin, address):
    """The answer to an invitation: nothing in it opens anything, because the link goes by mail."""
    answer = admin.send("POST", "A/members", {"email": address, "roles": []})
    equal(answer.status, 200)
    assert "pcin_" not in str(answer.body), "the link stands in the answer although it goes by mail"
    return answer.body["result"]["id"]


def signed_in(admin, address, folder):
    """A user that the command line makes, beside the server that runs."""
    made = subprocess.run(
        [servers.BINARY, "user", "create", "--email", address, "--database", f"sqlite:{folder / 'portcullis.db'}"],
        cwd=folder, capture_output=True, text=True, timeout=60,
    )
    assert made.returncode == 0, made.stderr
    key = re.search(r"\b[0-9a-zA-Z_]{37,}\b", made.stdout)
    assert key, "`user create` printed no key"
    return admin.saying({"x-auth-email": address, "x-auth-key": key[0]})


def link_in(mail):
    """The token of the link that a mail carries."""
    found = re.search(r"/invitations/(pcin_[0-9a-f]{128})\b", mail.get_content())
    assert found, f"no link in {mail.get_content()!r}"
    return found[1]


def an_invitation_arrives_and_its_link_works_once(admin, smtp, folder):
    member = invited(admin, "bea@example.com")
    [mail] = smtp.wait_for("bea@example.com")
    equal((mail["from"], mail["to"]), (FROM, "bea@example.com"))
    equal(mail["subject"], "Invitation to End to end")
    bea = signed_in(admin, "bea@example.com", folder)
    equal(bea.send("GET", "A/members").status, 403)
    token = link_in(mail)
    equal(admin.send("POST", "/user/invites/redeem", {"token": token}).status, 400)
    equal(bea.made("POST", "/user/invites/redeem", {"token": token})["status"], "accepted")
    equal(admin.made("GET", f"A/members/{member}")["status"], "accepted")
    equal(bea.send("POST", "/user/invites/redeem", {"token": token}).status, 400)
    log = (folder / "server.log").read_text()
    assert token not in log, "the log holds the link"


def an_invitation_that_is_made_again_voids_the_link_before(admin, smtp, folder):
    invited(admin, "cyd@example.com")
    smtp.wait_for("cyd@example.com")
    # In other letters: the same request at once would be a repetition, and get the first answer.
    invited(admin, "Cyd@example.com")
    first, second = smtp.wait_for("cyd@example.com", count=2)
    cyd = signed_in(admin, "cyd@example.com", folder)
    equal(cyd.send("POST", "/user/invites/redeem", {"token": link_in(first)}).status, 400)
    equal(cyd.send("POST", "/user/invites/redeem", {"token": link_in(second)}).status, 200)


def mail_that_bounces_is_told_at_the_member_and_not_tried_again(admin, smtp, _folder):
    smtp.refused["nobody@example.com"] = "550 5.1.1 no such mailbox"
    member = invited(admin, "nobody@example.com")
    for _ in range(100):
        messages = admin.send("GET", f"A/members/{member}").body["messages"]
        if messages:
            break
        time.sleep(0.1)
    assert "no such mailbox" in str(messages), f"the member's messages are {messages}"
    equal(smtp.tried.count("nobody@example.com"), 1)
    equal(admin.made("GET", f"A/members/{member}")["status"], "pending")


def mail_waits_for_a_server_that_is_away(admin, smtp, _folder):
    smtp.refused["busy@example.com"] = "451 4.3.0 later"
    member = invited(admin, "busy@example.com")
    for _ in range(100):
        if "busy@example.com" in smtp.tried:
            break
        time.sleep(0.1)
    smtp.stop()
    invited(admin, "dan@example.com")
    time.sleep(1)
    equal(admin.send("GET", f"A/members/{member}").body["messages"], [])
    smtp.refused.clear()
    smtp.start()
    smtp.wait_for("dan@example.com", seconds=RETRIED_WITHIN)
    smtp.wait_for("busy@example.com", seconds=30)
