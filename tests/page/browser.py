"""A headless Chromium that is controlled over two pipes (--remote-debugging-pipe)."""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"]


def found():
    """Returns the path of the browser's program, or None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """A browser with one page. `problems` contains the page's log messages and errors, and `asked` contains the URLs
    that the page requested."""

    def __init__(self):
        self.home = tempfile.mkdtemp(prefix="whycap-page-")
        to_browser, self.out = os.pipe()
        self.into, from_browser = os.pipe()

        def hand_over():
            # The descriptors are first duplicated under other numbers, because 3 or 4 may be one of the four.
            ends = [os.dup(to_browser), os.dup(from_browser)]
            for end, number in zip(ends, (3, 4)):
                os.dup2(end, number)

        sandbox = [] if os.geteuid() else ["--no-sandbox"]
        self.process = subprocess.Popen(
            [found(), "--headless", *sandbox, "--remote-debugging-pipe", f"--user-data-dir={self.home}", "--no-first-run",
             "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND", "about:blank"],
            preexec_fn=hand_over, close_fds=False, env={**os.environ, "HOME": self.home},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.number, self.buffer, self.events = 0, b"", []
        self.problems, self.asked, self.session = [], [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.session = None
        self.call("Browser.close")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.out)
        os.close(self.into)
        # The browser's child processes may still be writing.
        until = time.monotonic() + 10
        while os.path.exists(self.home) and time.monotonic() < until:
            shutil.rmtree(self.home, ignore_errors=True)

    def message(self, patience):
        """Returns the next message, or None if no message arrives in time."""
        until = time.monotonic() + patience
        while b"\0" not in self.buffer:
            if not select.select([self.into], [], [], max(0, until - time.monotonic()))[0]:
                return None
            more = os.read(self.into, 1 << 20)
            if not more:
                raise SystemExit("the browser ended")
            self.buffer += more
        one, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(one)

    def note(self, message):
        method, fields = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.problems.append(fields["exceptionDetails"].get("exception", {}).get("description") or fields["exceptionDetails"]["text"])
        elif method == "Log.entryAdded" and fields["entry"]["level"] in ("error", "warning"):
            self.problems.append(fields["entry"]["text"])
        elif method == "Runtime.consoleAPICalled":
            self.problems.append("console: " + " ".join(str(value.get("value")) for value in fields["args"]))
        elif method == "Network.requestWillBeSent":
            self.asked.append(fields["request"]["url"])
        elif method:
            self.events.append(method)

    def call(self, method, **fields):
        self.number += 1
        message = {"id": self.number, "method": method, "params": fields}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0") if len(json.dumps(message)) < 60_000 else self.write_long(message)
        while True:
            answer = self.message(60)
            if answer is None:
                raise SystemExit(f"the browser did not answer {method}")
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise SystemExit(f"{method}: {answer['error']}")
                return answer["result"]
            self.note(answer)

    def write_long(self, message):
        data = memoryview(json.dumps(message).encode() + b"\0")
        while data:
            data = data[os.write(self.out, data):]

    def open(self, path):
        """Opens a file, and returns how many seconds it took to load and render completely."""
        self.problems, self.asked, self.events = [], [], []
        began = time.monotonic()
        self.call("Page.navigate", url=path.as_uri())
        while "Page.loadEventFired" not in self.events:
            message = self.message(60)
            if message is None:
                raise SystemExit("the page was not loaded within a minute")
            self.note(message)
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return time.monotonic() - began

    def run(self, script):
        """Runs a script in the page and returns its result."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise SystemExit(f"{script[:200]}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def size(self, width, height=900):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, theme):
        self.call("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": theme}])

    def key(self, key, code, number):
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code, windowsVirtualKeyCode=number, **text)

    def click(self, script):
        """Clicks in the middle of the element that a script returns."""
        x, y = self.run(f"(() => {{ const it = {script}; it.scrollIntoView({{block: 'center'}}); const box = it.getBoundingClientRect();"
                        " return [box.x + box.width / 2, box.y + box.height / 2]; })()")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def picture(self, path, height=None):
        clip = {}
        if height:
            width = self.run("document.documentElement.clientWidth")
            clip = {"clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}}
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, **clip)["data"]
        path.write_bytes(base64.b64decode(data))

    def pdf(self, path):
        path.write_bytes(base64.b64decode(self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"]))
