"""A real SMTP server (aiosmtpd) on loopback, which keeps what it is given and refuses on request."""

import email
import email.policy
import threading

from aiosmtpd.controller import Controller

from .dns import free_port


class Smtp:
    """In a thread of its own; `port` stays the same when it is stopped and started again."""

    def __init__(self):
        self.port = free_port()
        self.refused = {}  # recipient: the line that answers it
        self.tried = []  # every recipient that was named, refused or not
        self._mails = []
        self._arrived = threading.Condition()
        self._controller = None

    def start(self):
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self):
        if self._controller:
            self._controller.stop()
            self._controller = None

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        self.tried.append(address)
        if line := self.refused.get(address):
            return line
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        with self._arrived:
            self._mails.append((envelope.rcpt_tos, mail))
            self._arrived.notify_all()
        return "250 taken"

    def to(self, recipient):
        with self._arrived:
            return [mail for recipients, mail in self._mails if recipients == [recipient]]

    def wait_for(self, recipient, count=1, seconds=20):
        """The mails to a recipient, once there are so many."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._count(recipient) >= count, seconds)
        mails = self.to(recipient)
        assert len(mails) == count, f"{len(mails)} mails to {recipient} in place of {count}"
        return mails

    def _count(self, recipient):
        return sum(recipients == [recipient] for recipients, _ in self._mails)
