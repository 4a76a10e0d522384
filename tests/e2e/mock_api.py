#!/usr/bin/env python3
"""A Messages API on the loopback interface, for driving the real client without a network.

Inside a test:
    with MockApi() as api:
        api.play(response("Hello."))
        ...
        api.play(refusal(429, "rate_limit_error", "This request would exceed ..."))
        sent = api.questions()

By hand:
    tests/e2e/mock_api.py 8899
    curl -X PUT 127.0.0.1:8899/_mock/scenario -d @scenario.json     # the response from now on
    curl -X PUT 127.0.0.1:8899/_mock/scenario -d '"spend_limit"'    # one of NAMED
    curl 127.0.0.1:8899/_mock/requests                              # the requests so far

A scenario is a dict, or a function that returns one for a request; `response` and `refusal` create one.
"""

import contextlib
import json
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOUR = 3600
DAY = 24 * HOUR

# The tokens of one response. With Opus 5.5 at $4 / $20 / $0.20 / $5 per million, they cost $0.0683.
USAGE = {
    "input_tokens": 1200,
    "output_tokens": 1800,
    "cache_read_input_tokens": 11000,
    "cache_creation_input_tokens": 5060,
}


def windows(
    five_hour,
    seven_day,
    *,
    resets_in=1.87 * HOUR,
    week_resets_in=3.4 * DAY,
    status="allowed",
    claim="five_hour",
    overage=None,
    overage_reason=None,
    now=None,
):
    """Returns the headers that report a plan's windows to the client. Shares are 0 to 1. The names and their meaning
    were observed with client 2.1.328: the status line's `rate_limits` are derived from them, and on a 429, they alone
    determine which sentence the user sees.
    """
    now = int(time.time() if now is None else now)
    prefix = "anthropic-ratelimit-unified-"
    resets, week_resets = int(now + resets_in), int(now + week_resets_in)
    headers = {
        "status": status,
        "representative-claim": claim,
        "reset": week_resets if claim.startswith("seven_day") else resets,
        "5h-utilization": five_hour,
        "5h-reset": resets,
        "7d-utilization": seven_day,
        "7d-reset": week_resets,
    }
    if overage:
        headers["overage-status"] = overage
        headers["overage-reset"] = int(now + 10 * DAY)
    if overage_reason:
        headers["overage-disabled-reason"] = overage_reason
    return {prefix + name: str(value) for name, value in headers.items()}


def response(text="Hello from the mock.", *, usage=None, headers=None, model=None, tool=None, stop=None):
    """Returns a successful response. `tool` is the name and the input of a tool that it calls, and `stop` contains the
    fields that say why it ends."""
    return {
        "status": 200,
        "text": text,
        "usage": {**USAGE, **(usage or {})},
        "headers": headers or {},
        "model": model,
        "tool": tool,
        "stop": stop or {},
    }


def stopped_by_safeguards(**more):
    """Returns a response that the model's safeguards have stopped."""
    details = {"type": "refusal", "category": "cyber", "explanation": "a test"}
    return response("", stop={"stop_reason": "refusal", "stop_details": details}, **more)


def refusal(status, kind, message, *, headers=None):
    """Returns an error response."""
    return {
        "status": status,
        "body": {"type": "error", "error": {"type": kind, "message": message}},
        "headers": headers or {},
    }


EXCEEDED = "This request would exceed your account's rate limit. Please try again later."


def limit(claim="five_hour", *, five_hour=1.0, seven_day=0.40, overage=None, overage_reason=None, **more):
    """Returns the 429 response for a plan whose window, and possibly its usage credits, are used up."""
    return refusal(
        429,
        "rate_limit_error",
        EXCEEDED,
        headers=windows(
            five_hour, seven_day, status="rejected", claim=claim, overage=overage, overage_reason=overage_reason, **more
        ),
    )


# name: a function that creates the scenario when it starts, because reset times are relative to that moment.
NAMED = {
    "normal": lambda: response(),
    "normal_plan": lambda: response(headers=windows(0.42, 0.17)),
    "near_limit": lambda: response(headers=windows(0.91, 0.38, status="allowed_warning")),
    # The response for an individual or a team plan when the window is used up and the credits are paused until a date.
    # Depending on the version and the plan, clients call this "monthly spend limit", "org's monthly spend limit", and
    # more.
    "spend_limit": lambda: limit(overage="rejected", overage_reason="org_level_disabled_until"),
    "five_hour": lambda: limit(overage="rejected", overage_reason="out_of_credits"),
    # The server refuses a request because of the weekly window, although neither window is close to full.
    "false_weekly": lambda: limit("seven_day", five_hour=0.04, seven_day=0.09),
    "false_credits": lambda: refusal(
        400, "invalid_request_error", "You're out of extra usage. Add more at claude.ai/settings/usage and keep going."
    ),
    "console_spend": lambda: refusal(
        400, "invalid_request_error", "Monthly spend limit reached. Current usage: $150.00 / $150.00 limit."
    ),
    "no_credit": lambda: refusal(
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API. "
        "Please go to Plans & Billing to upgrade or purchase credits.",
    ),
    "throttle": lambda: refusal(
        429, "rate_limit_error", "Number of request tokens has exceeded your per-minute rate limit"
    ),
    "overloaded": lambda: refusal(529, "overloaded_error", "Overloaded"),
}


class Server(ThreadingHTTPServer):
    """A server that accepts all connections that a starting client opens at once. Python's default allows five to wait."""

    daemon_threads = True
    request_queue_size = 128


class MockApi:
    """The server, on the given port or on one that the system chooses. Use it in a `with` block."""

    def __init__(self, port=0):
        self._lock = threading.Lock()
        self._scenario = NAMED["normal"]()
        self._requests = []
        self._served = []
        api = self

        class Handler(_Handler):
            mock = api

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def serve_forever(self):
        self._server.serve_forever()

    def play(self, scenario):
        """Replies to every later request with a scenario, or with the scenario that NAMED contains under this name. A
        function chooses the scenario by the body of each request."""
        made = NAMED[scenario]() if isinstance(scenario, str) else scenario
        with self._lock:
            self._scenario = made

    def scenario(self):
        with self._lock:
            return self._scenario

    def note(self, request):
        with self._lock:
            self._requests.append(request)

    def serve(self, asked, message):
        answer = {"at": time.time(), "asked": asked.get("model"), "model": message["model"]}
        with self._lock:
            self._served.append({**answer, "text": message["content"][0]["text"]})

    def served(self):
        """Returns all successful responses, oldest first."""
        with self._lock:
            return list(self._served)

    def requests(self):
        """Returns all requests, oldest first."""
        with self._lock:
            return list(self._requests)

    def questions(self):
        """Returns the requests that a model would have answered and that would have cost money."""
        return [r for r in self.requests() if r["method"] == "POST" and r["path"].split("?")[0] == "/v1/messages"]


def _message(request, scenario):
    content = [{"type": "text", "text": scenario["text"]}]
    if scenario.get("tool"):
        name, tool_input = scenario["tool"]
        content.append({"type": "tool_use", "id": "toolu_" + uuid.uuid4().hex[:20], "name": name, "input": tool_input})
    return {
        "id": "msg_" + uuid.uuid4().hex[:22],
        "type": "message",
        "role": "assistant",
        "model": scenario.get("model") or request.get("model"),
        "content": content,
        "stop_reason": "tool_use" if scenario.get("tool") else "end_turn",
        "stop_sequence": None,
        **scenario.get("stop", {}),
        "usage": {"service_tier": "standard", **scenario["usage"]},
    }


def _events(message):
    """Returns a message as server-sent events. As with the real API, the output tokens arrive at the end."""
    opening = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    parts = [{"type": "message_start", "message": opening}]
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            start, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            text = json.dumps(block["input"])
            start, delta = {**block, "input": {}}, {"type": "input_json_delta", "partial_json": text}
        parts += [
            {"type": "content_block_start", "index": index, "content_block": start},
            {"type": "content_block_delta", "index": index, "delta": delta},
            {"type": "content_block_stop", "index": index},
        ]
    end = {name: message[name] for name in ("stop_reason", "stop_sequence", "stop_details") if name in message}
    usage = {"output_tokens": message["usage"]["output_tokens"]}
    parts += [{"type": "message_delta", "delta": end, "usage": usage}, {"type": "message_stop"}]
    return "".join(f"event: {part['type']}\ndata: {json.dumps(part)}\n\n" for part in parts).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mock = None

    def log_message(self, *_):
        """Prints nothing, because the server's own log would interrupt the test's report."""

    def _reply(self, status, body, headers=None, kind="application/json"):
        # The client may hang up first, for instance if it is closed in the middle of a test.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    def _body(self):
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def _note(self, raw=b""):
        try:
            asked = json.loads(raw) if raw else {}
        except ValueError:
            asked = {}
        asked = asked if isinstance(asked, dict) else {}
        self.mock.note(
            {
                "at": time.time(),
                "method": self.command,
                "path": self.path,
                "model": asked.get("model"),
                "session": self.headers.get("x-claude-code-session-id"),
                "max_tokens": asked.get("max_tokens"),
                "messages": asked.get("messages", []),
                "system": asked.get("system"),
            }
        )
        return asked

    def do_HEAD(self):
        self._reply(200, b"")

    def do_GET(self):
        if self.path == "/_mock/requests":
            return self._reply(200, json.dumps(self.mock.requests(), indent=1).encode())
        self._note()
        return self._reply(200, b"{}")

    def do_PUT(self):
        raw = self._body()
        if self.path != "/_mock/scenario":
            return self._reply(404, b"{}")
        try:
            self.mock.play(json.loads(raw))
        except (ValueError, KeyError) as error:
            return self._reply(400, json.dumps({"error": str(error), "names": sorted(NAMED)}).encode())
        return self._reply(200, b"{}")

    def do_POST(self):
        asked = self._note(self._body())
        path = self.path.split("?")[0]
        if path == "/v1/messages/count_tokens":
            return self._reply(200, b'{"input_tokens": 1000}')
        if path != "/v1/messages":
            return self._reply(200, b"{}")
        scenario = self.mock.scenario()
        if callable(scenario):
            scenario = scenario(asked)
        headers = {"request-id": "req_" + uuid.uuid4().hex[:20], **scenario.get("headers", {})}
        if scenario["status"] != 200:
            return self._reply(scenario["status"], json.dumps(scenario["body"]).encode(), headers)
        message = _message(asked, scenario)
        self.mock.serve(asked, message)
        if asked.get("stream"):
            return self._reply(200, _events(message), headers, "text/event-stream")
        return self._reply(200, json.dumps(message).encode(), headers)


if __name__ == "__main__":
    server = MockApi(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print(f"listening on {server.url}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
