"""A headless Chromium that is controlled over two pipes (--remote-debugging-pipe)."""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

EXECUTABLES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"]
OPTIONS = [
    "--headless",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
]
# Chromium reads commands from the first of these descriptors and writes its messages to the second.
DESCRIPTORS_OF_CHROMIUM = (3, 4)

# The time in seconds that the browser has for a command or for loading a page.
RESPONSE_TIMEOUT = 60
EXIT_TIMEOUT = 10

# On a busy machine, Chromium sometimes exits before it responds to the first command.
START_ATTEMPTS = 3
# How much of the browser's log is shown if it exits.
LOG_TAIL_BYTES = 2000


class BrowserExitedError(Exception):
    """The browser has exited although nobody closed it. The message is the end of its log."""


def browser_executable():
    """Returns the path of the browser's executable, or None if no browser is installed."""
    for name in EXECUTABLES:
        if path := shutil.which(name):
            return path
    return None


class Browser:
    """A browser with one page. `problems` contains the page's log messages and errors, and `requested_urls` contains
    the URLs that the page requested. Opening a page clears both."""

    def __init__(self):
        for attempt in range(1, START_ATTEMPTS + 1):
            try:
                self.open_empty_page()
                return
            except BrowserExitedError as error:
                print(f"the browser exited when it started (attempt {attempt}): {error}", flush=True)
                self.remove_process()
        raise SystemExit("the browser does not start")

    def open_empty_page(self):
        """Starts the browser and opens an empty page."""
        self.home = tempfile.mkdtemp(prefix="whycap-page-")
        self.log = tempfile.TemporaryFile()
        self.process = self.start()
        self.last_message_id = 0
        self.received = b""
        self.session = None
        self.clear_events()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def start(self):
        """Starts the browser with two pipes, and returns its process."""
        command_reader, self.command_writer = os.pipe()
        self.message_reader, message_writer = os.pipe()

        def connect_pipes():
            # The descriptors are first duplicated under other numbers, because 3 or 4 may be one of the four.
            ends = [os.dup(command_reader), os.dup(message_writer)]
            for end, number in zip(ends, DESCRIPTORS_OF_CHROMIUM, strict=True):
                os.dup2(end, number)

        is_root = os.geteuid() == 0
        sandbox = ["--no-sandbox"] if is_root else []
        process = subprocess.Popen(
            [browser_executable(), *OPTIONS, *sandbox, f"--user-data-dir={self.home}", "about:blank"],
            preexec_fn=connect_pipes,
            close_fds=False,
            env={**os.environ, "HOME": self.home},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.log,
        )
        os.close(command_reader)
        os.close(message_writer)
        return process

    def __enter__(self):
        return self

    def __exit__(self, error_type, *_):
        if error_type is not BrowserExitedError:
            self.session = None
            self.call("Browser.close")
        self.remove_process()

    def remove_process(self):
        """Waits for the browser to exit, ends it if it does not, and removes its files."""
        try:
            self.process.wait(EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.command_writer)
        os.close(self.message_reader)
        self.log.close()
        # The browser's child processes may still be writing.
        deadline = time.monotonic() + EXIT_TIMEOUT
        while os.path.exists(self.home) and time.monotonic() < deadline:
            shutil.rmtree(self.home, ignore_errors=True)

    # --- messages --------------------------------------------------------------------------------

    def call(self, method, **parameters):
        """Calls a method of the Chrome DevTools Protocol and returns its result."""
        self.last_message_id += 1
        message = {"id": self.last_message_id, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.send(message)
        while True:
            received = self.next_message()
            if received is None:
                raise SystemExit(f"the browser did not respond to {method}")
            if received.get("id") != self.last_message_id:
                self.record_event(received)
            elif "error" in received:
                raise SystemExit(f"{method}: {received['error']}")
            else:
                return received["result"]

    def send(self, message):
        unsent = memoryview(json.dumps(message).encode() + b"\0")
        while unsent:
            try:
                written = os.write(self.command_writer, unsent)
            except BrokenPipeError:
                raise BrowserExitedError(self.end_of_log()) from None
            unsent = unsent[written:]

    def next_message(self):
        """Returns the next message, or None if no message arrives in time."""
        deadline = time.monotonic() + RESPONSE_TIMEOUT
        while b"\0" not in self.received:
            seconds_left = max(0, deadline - time.monotonic())
            readable, _, _ = select.select([self.message_reader], [], [], seconds_left)
            if not readable:
                return None
            data = os.read(self.message_reader, 1 << 20)
            if not data:
                raise BrowserExitedError(self.end_of_log())
            self.received += data
        message, self.received = self.received.split(b"\0", 1)
        return json.loads(message)

    def end_of_log(self):
        size = self.log.seek(0, os.SEEK_END)
        self.log.seek(max(0, size - LOG_TAIL_BYTES))
        return self.log.read().decode(errors="replace").strip() or "its log is empty"

    def clear_events(self):
        self.problems = []
        self.requested_urls = []
        self.is_loaded = False

    def record_event(self, message):
        method = message.get("method")
        parameters = message.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.problems.append(parameters["entry"]["text"])
        elif method == "Runtime.consoleAPICalled":
            values = [str(value.get("value")) for value in parameters["args"]]
            self.problems.append(f"console: {' '.join(values)}")
        elif method == "Network.requestWillBeSent":
            self.requested_urls.append(parameters["request"]["url"])
        elif method == "Page.loadEventFired":
            self.is_loaded = True

    # --- the page --------------------------------------------------------------------------------

    def open(self, path):
        """Opens a file, and returns how many seconds it took to load and render completely."""
        self.clear_events()
        start = time.monotonic()
        self.call("Page.navigate", url=path.as_uri())
        while not self.is_loaded:
            message = self.next_message()
            if message is None:
                raise SystemExit(f"the page was not loaded within {RESPONSE_TIMEOUT} s")
            self.record_event(message)
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return time.monotonic() - start

    def evaluate(self, script):
        """Runs a script in the page and returns its result."""
        evaluation = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in evaluation:
            raise SystemExit(f"{script[:200]}: {evaluation['exceptionDetails']}")
        return evaluation["result"].get("value")

    def expand_details(self):
        """Expands everything that is collapsed."""
        self.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")

    def resize(self, width, height=900):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def set_preferred_theme(self, theme):
        feature = {"name": "prefers-color-scheme", "value": theme}
        self.call("Emulation.setEmulatedMedia", media="", features=[feature])

    def emulate_print(self):
        self.call("Emulation.setEmulatedMedia", media="print", features=[])

    # --- the keyboard and the mouse --------------------------------------------------------------

    def press_key(self, key, key_code):
        """Presses a key whose name is also its code, such as Enter."""
        parameters = {"key": key, "code": key, "windowsVirtualKeyCode": key_code}
        text = {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **parameters, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **parameters)

    def click(self, element):
        """Clicks in the middle of the element that a script returns."""
        x, y = self.evaluate(f"""(() => {{
            const element = {element};
            element.scrollIntoView({{block: 'center'}});
            const box = element.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];
        }})()""")
        for event in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=event, x=x, y=y, button="left", clickCount=1)

    # --- pictures --------------------------------------------------------------------------------

    def save_screenshot(self, path, height):
        """Saves a picture of the top of the page, with the page's width and this height in pixels."""
        width = self.evaluate("document.documentElement.clientWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        screenshot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(screenshot["data"]))

    def save_pdf(self, path):
        pdf = self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)
        path.write_bytes(base64.b64decode(pdf["data"]))
