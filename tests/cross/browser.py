"""A headless Chromium by its DevTools protocol: open a page, act as a reader does, see what it says.

Needs `chromium` and PyPI's `websocket-client`. Knows nothing of reports.
"""

import base64
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import websocket

LIMIT_S = 60


class Browser:
    """A browser process with a folder of its own; a context manager."""

    def __init__(self, binary="chromium"):
        self.folder = Path(tempfile.mkdtemp(prefix="weighbridge-browser-"))
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
                 "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
                 "--disable-extensions", "--remote-debugging-port=0", f"--user-data-dir={self.folder}"]
        self.process = subprocess.Popen(
            [binary, *flags, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port, path = self._wait_for_port()
        self.socket = websocket.create_connection(
            f"ws://127.0.0.1:{port}{path}", timeout=LIMIT_S, suppress_origin=True)
        self.ids = itertools.count(1)
        self.events = []

    def _wait_for_port(self):
        file = self.folder / "DevToolsActivePort"
        for _ in range(10 * LIMIT_S):
            if file.exists() and len(lines := file.read_text().split()) == 2:
                return lines
            if self.process.poll() is not None:
                raise SystemExit("the browser ended before it was ready")
            time.sleep(0.1)
        raise SystemExit("the browser does not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, method, session=None, **params):
        """Call a method of the protocol; events that come meanwhile are kept."""
        number = next(self.ids)
        message = {"id": number, "method": method, "params": params}
        self.socket.send(json.dumps(message | ({"sessionId": session} if session else {})))
        while True:
            said = json.loads(self.socket.recv())
            if said.get("id") != number:
                self.events.append(said)
            elif "error" in said:
                raise RuntimeError(f"{method}: {said['error']}")
            else:
                return said["result"]

    def tab(self):
        return Tab(self)


class Tab:
    """One page."""

    def __init__(self, browser):
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.target = target
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)

    def size(self, width, height=900, scale=1):
        self.call("Emulation.setDeviceMetricsOverride",
                  width=width, height=height, deviceScaleFactor=scale, mobile=width < 500)

    def scheme(self, name):
        features = [{"name": "prefers-color-scheme", "value": name},
                    {"name": "prefers-reduced-motion", "value": "reduce"}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def open(self, path, script=True):
        """Open a file and wait until it is loaded."""
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        self.browser.events.clear()
        self.call("Page.navigate", url=Path(path).resolve().as_uri())
        end = time.monotonic() + LIMIT_S
        while not any(event["method"] == "Page.loadEventFired" for event in self.events()):
            if time.monotonic() > end:
                raise RuntimeError(f"{path} does not load")
            self.call("Runtime.evaluate", expression="0")
            time.sleep(0.02)

    def events(self):
        mine = [event for event in self.browser.events if event.get("sessionId") == self.session]
        return [event for event in mine if "method" in event]

    def complaints(self):
        """Errors and warnings of console, scripts and policy since the page was opened."""
        found = []
        for event in self.events():
            params = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                found.append(details.get("exception", {}).get("description", details["text"]))
            elif event["method"] == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                found.append(" ".join(str(arg.get("value", arg.get("description"))) for arg in params["args"]))
            elif event["method"] == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(params["entry"]["text"])
        return found

    def requests(self):
        """Addresses that the page asked for, itself included."""
        events = [event for event in self.events() if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in events]

    def run(self, expression):
        """The value of an expression in the page; promises are waited for."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return result["result"].get("value")

    def press(self, key):
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key,
                      windowsVirtualKeyCode={"Tab": 9, "Enter": 13, "Escape": 27, "End": 35, "Home": 36,
                                             "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}[key])

    def move(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, x, y):
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def downloads(self, folder):
        self.browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def shot(self, path, clip=None, whole=True):
        """A picture of the whole page, of what is in sight, or of a part `[x, y, width, height]`."""
        params = {"format": "png", "captureBeyondViewport": whole or clip is not None}
        if clip:
            x, y, width, height = clip
            params["clip"] = {"x": x, "y": y, "width": width, "height": height, "scale": 1}
        data = self.call("Page.captureScreenshot", **params)["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def print(self, path):
        """The page on A4 paper, as PDF."""
        data = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=False)["data"]
        Path(path).write_bytes(base64.b64decode(data))
