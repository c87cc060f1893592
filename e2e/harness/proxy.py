"""Stands between an SDK and the server: checks each answer against the contract, records it, and makes faults.

The suites speak to it under `/__e2e/` as well:

- `GET /__e2e/requests?after=N`: what passed, oldest first, from number N on
- `POST /__e2e/fault` `{method, path, times, forward, status?, headers?}`: the next `times` requests of this method whose
  path ends so are answered by the proxy with this status, or without one by a cut connection; with `forward` the server
  has done its work before
- `POST /__e2e/dns` `{name, text}`: publishes a TXT record
"""

import http.client
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

BASE = "/client/v4"
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


class Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, upstream, contract, deviations, dns=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream = upstream
        self.contract = contract
        self.deviations = deviations
        self.dns = dns
        self.requests = []
        self.operations = set()
        self.faults = []
        self.lock = threading.Lock()
        self.origin = f"http://127.0.0.1:{self.server_port}"
        self.url = self.origin + BASE
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take_fault(self, method, path):
        with self.lock:
            for fault in self.faults:
                if fault["method"] == method and path.endswith(fault["path"]):
                    fault["times"] -= 1
                    if fault["times"] == 0:
                        self.faults.remove(fault)
                    return fault
        return None

    def handle_error(self, request, client_address):
        # A client that hangs up is not worth a trace.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path.startswith("/__e2e/"):
            return self._control(body)
        path = urlsplit(self.path).path.removeprefix(BASE)
        fault = self.server.take_fault(self.command, path)
        if fault is None or fault["forward"]:
            status, headers, answer = self._forward(body)
        else:
            status, headers, answer = None, [], b""
        operation = self.server.contract.operation(self.command, path)
        if status is not None:
            self._check(operation, status, headers, answer)
        self._record(path, body, status, answer, fault)
        if fault is None:
            self._answer(status, headers, answer)
        elif fault.get("status"):
            failure = {"success": False, "errors": [{"code": 1000, "message": "made by the proxy"}], "messages": [], "result": None}
            extra = [("content-type", "application/json"), *fault.get("headers", {}).items()]
            self._answer(fault["status"], extra, json.dumps(failure).encode())
        else:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def _client(self):
        """`js-7`, `python-4`, … or `plain` for one that does not say what it is."""
        language = self.headers.get("x-stainless-lang")
        version = self.headers.get("x-stainless-package-version", "")
        return f"{language}-{version.split('.')[0]}" if language else "plain"

    def _forward(self, body):
        upstream = http.client.HTTPConnection(urlsplit(self.server.upstream).netloc, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            # Compressed answers could not be read here.
            headers["accept-encoding"] = "identity"
            upstream.request(self.command, self.path, body or None, headers)
            response = upstream.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            upstream.close()

    def _check(self, operation, status, headers, answer):
        if operation is None:
            return
        name = operation["operationId"]
        with self.server.lock:
            if status == 200:
                self.server.operations.add(name)
        content_type = next((value for header, value in headers if header.lower() == "content-type"), None)
        for pointer, error, details in self.server.contract.problems(operation, status, content_type, answer):
            self.server.deviations.meet(self._client(), name, pointer, error, f"({status}) {details}")

    def _record(self, path, body, status, answer, fault):
        with self.server.lock:
            self.server.requests.append({
                "method": self.command,
                "path": path,
                "query": urlsplit(self.path).query,
                "retry": self.headers.get("x-stainless-retry-count"),
                "scheme": "token" if self.headers.get("authorization") else "key",
                "status": status,
                "faulted": fault is not None,
                "body": _json(body),
                "answer": _json(answer),
            })  # fmt: skip

    def _answer(self, status, headers, answer):
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP:
                self.send_header(name, value)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _control(self, body):
        server, url = self.server, urlsplit(self.path)
        result = {}
        with server.lock:
            if url.path == "/__e2e/requests":
                result = server.requests[int(parse_qs(url.query).get("after", ["0"])[0]) :]
            elif url.path == "/__e2e/fault":
                server.faults.append({"times": 1, "forward": False, **json.loads(body)})
        if url.path == "/__e2e/dns":
            server.dns.publish(**json.loads(body))
        self._answer(200, [("content-type", "application/json")], json.dumps(result).encode())

    def log_message(self, *_):
        pass


def _json(body):
    try:
        return json.loads(body)
    except ValueError:
        return None
