"""Serves the data for /usage on the loopback interface. The client requests it from api.anthropic.com, regardless of
ANTHROPIC_BASE_URL, so a proxy with its own certificate takes the place of that host. No request is forwarded.
"""

import contextlib
import http.server
import json
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

from mock_api import DAY, HOUR

HOSTS = "subjectAltName=DNS:api.anthropic.com,DNS:claude.ai,DNS:platform.claude.com\n"


def page(five_hour=42, week=17, fable=63, used_cents=1234, cap_cents=5000):
    """Returns the endpoint's response, with the fields that clients 2.1.328 to 2.1.330 read."""

    def at(seconds):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))

    def limit(kind, group, percent, seconds, model=None):
        return {
            "kind": kind,
            "group": group,
            "percent": percent,
            "resets_at": at(seconds),
            "severity": "normal",
            "is_active": False,
            "scope": model and {"model": {"display_name": model}, "surface": None},
        }

    return {
        "five_hour": {"utilization": five_hour, "resets_at": at(1.87 * HOUR)},
        "seven_day": {"utilization": week, "resets_at": at(3.4 * DAY)},
        "seven_day_opus": None,
        "seven_day_sonnet": None,
        "seven_day_oauth_apps": None,
        "extra_usage": {
            "is_enabled": True,
            "monthly_limit": cap_cents,
            "used_credits": used_cents,
            "utilization": 100 * used_cents / cap_cents,
            "currency": "USD",
            "disabled_reason": None,
        },
        "limits": [
            limit("session", "session", five_hour, 1.87 * HOUR),
            limit("weekly_all", "weekly", week, 3.4 * DAY),
            limit("weekly_scoped", "weekly", fable, 3.4 * DAY, "Fable"),
        ],
    }


class UsageEndpoint:
    """The proxy, whose files are in `directory`. `figures` are those of the page. Use it in a `with` block."""

    def __init__(self, directory, **figures):
        self.directory = Path(directory)
        self.figures = figures
        self.asked = []

    def __enter__(self):
        self.directory.mkdir(exist_ok=True)
        self._make_certificate()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(self.directory / "host.pem", self.directory / "host.key")
        self._socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._socket.close()

    def variables(self):
        """Returns the variables that make a client use the proxy."""
        return {
            "HTTPS_PROXY": f"http://127.0.0.1:{self._socket.getsockname()[1]}",
            "NO_PROXY": "127.0.0.1,localhost",
            "NODE_EXTRA_CA_CERTS": str(self.directory / "ca.pem"),
        }

    def _make_certificate(self):
        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], cwd=self.directory, check=True, capture_output=True)

        (self.directory / "hosts").write_text(HOSTS)
        openssl(
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-days",
            "2",
            "-subj",
            "/CN=loopback",
            "-addext",
            "basicConstraints=critical,CA:TRUE",
        )
        openssl(
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "host.key",
            "-out",
            "host.csr",
            "-subj",
            "/CN=api.anthropic.com",
        )
        openssl(
            "x509",
            "-req",
            "-in",
            "host.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-out",
            "host.pem",
            "-days",
            "2",
            "-extfile",
            "hosts",
        )

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                """Prints nothing."""

            def do_GET(self):
                self.rfile.read(int(self.headers.get("content-length") or 0))
                endpoint.asked.append(self.path)
                is_page = self.path.startswith("/api/oauth/usage")
                body = json.dumps(
                    page(**endpoint.figures) if is_page else {"type": "error", "error": {"type": "not_found_error", "message": "mock"}}
                ).encode()
                self.send_response(200 if is_page else 404)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_PUT = do_HEAD = do_GET

        with contextlib.suppress(OSError), connection:
            asked = b""
            while b"\r\n\r\n" not in asked:
                more = connection.recv(4096)
                if not more:
                    return
                asked += more
            if not asked.startswith(b"CONNECT "):
                return
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            with self._tls.wrap_socket(connection, server_side=True) as secured:
                Handler(secured, ("127.0.0.1", 0), None)
