"""Weighbridge in LiteLLM's proxy: requests for the model `auto` go where the router file says.

    litellm_settings:
      callbacks: weighbridge_plugin.hook

LiteLLM finds this file beside its config. Beside it lie `policy.router.json`, the one-file loader
`weighbridge_router.py` and `manifest.json`, which names the driver. Where the wheel `weighbridge` is
installed it decides in place of the one-file loader; both decide alike.

Nothing here may keep the proxy from answering: every import is guarded, and whatever goes wrong sends
the request to the driver, with an error in the log, the header `x-weighbridge-degraded: 1` and the tag
`weighbridge:degraded`. The one exception is meant: a request that the policy sends nowhere is refused.
"""

import datetime
import hashlib
import importlib.util
import json
import logging
import os
import re
import time

try:
    from litellm.integrations.custom_logger import CustomLogger
except Exception:  # outside of LiteLLM, as in check.py
    CustomLogger = object

FOLDER = os.path.dirname(os.path.abspath(__file__))
AUTO = "auto"
ONE = 1_000_000  # the whole, in parts per million
LOG = logging.getLogger("weighbridge")
REQUEST_ID = re.compile(r"[!-~]{1,128}")
# What a client may say of a request in `metadata`, beside what LiteLLM keeps there.
TOLD = ("task", "tenant", "session", "channel", "region", "value_usd", "deadline_ms")


class Unanswered(Exception):
    """The policy sends this request nowhere."""


class Missing(Exception):
    """The config has no model for an endpoint of the policy."""


# --- deciding --------------------------------------------------------------------------------------


def _module(name):
    """A module of this folder, whether or not the folder is on Python's path."""
    spec = importlib.util.spec_from_file_location(name, os.path.join(FOLDER, name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _wheel(path):
    """The deciding function of the installed wheel; None where there is none, or it is no use."""
    try:
        from weighbridge import Router
    except Exception:
        return None
    try:
        return Router.load(path).route
    except Exception as error:
        LOG.error("weighbridge: the wheel cannot load %s (%s); the one-file loader decides", path, error)
        return None


class Decider:
    """A router file, loaded: `decide` tells where a request goes."""

    def __init__(self, folder=FOLDER):
        path = os.path.join(folder, "policy.router.json")
        loader = _module("weighbridge_router")
        self.request_of_chat = loader.request_of_chat
        self.route = _wheel(path)
        self.runtime = "wheel" if self.route else "one-file loader"
        if self.route is None:
            router = loader.load(path)
            self.route = lambda request: _plain(router.decide(request))

    def decide(self, data, call_type, id):
        """The endpoint, the probability with which it came out, and whether it is answered."""
        request = request_of(data, call_type, self.request_of_chat)
        now = datetime.datetime.now(datetime.timezone.utc)
        request["at"] = now.isoformat(timespec="milliseconds")
        decision = self.route(request)
        return draw(id, decision["choice"], decision["unanswered_ppm"])


def _plain(decision):
    return {"choice": decision.choice, "unanswered_ppm": decision.unanswered}


def draw(id, choice, unanswered):
    """The endpoint of that id in a mixture, and its probability; None for the unanswered share. By
    the id alone, so that every server draws alike (docs/serve.md)."""
    digest = hashlib.sha256(b"weighbridge.draw/1\0" + id.encode("utf-8")).digest()
    place = int.from_bytes(digest[:8], "big") * ONE >> 64
    for endpoint, ppm in choice.items():
        if place < ppm:
            return endpoint, ppm / ONE
        place -= ppm
    return None, unanswered / ONE


# --- a call of LiteLLM as a request ----------------------------------------------------------------


def _completion(data):
    return data.get("messages")


def _prompt(field):
    def messages(data):
        text = data.get(field)
        if isinstance(text, list) and all(isinstance(part, str) for part in text):
            text = [{"type": "text", "text": part} for part in text]
        # Tokens without their text are no prompt.
        return [{"role": "user", "content": text if _is_content(text) else None}]

    return messages


def _is_content(value):
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(part, dict) for part in value))


def _responses(data):
    given = data.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given or []
    system = data.get("instructions")
    messages = [{"role": "system", "content": system}] if isinstance(system, str) else []
    for item in items:
        if item.get("role"):
            messages.append({"role": item["role"], "content": _content(item.get("content"))})
        elif isinstance(item.get("output"), str):
            messages.append({"role": "tool", "content": item["output"]})
    return messages


def _anthropic(data):
    system = data.get("system")
    messages = [{"role": "system", "content": _content(system)}] if system else []
    for message in data.get("messages") or []:
        content = message.get("content")
        results = []
        if isinstance(content, list):
            results = [part for part in content if part.get("type") == "tool_result"]
            content = [part for part in content if part.get("type") != "tool_result"]
        # What a tool answered stands in a message of the user here, and is no prompt.
        messages.extend({"role": "tool", "content": _content(part.get("content"))} for part in results)
        if content or not results:
            messages.append({"role": message.get("role"), "content": _content(content)})
    return messages


def _content(value):
    """Parts of other interfaces by the names of chat completions."""
    if not isinstance(value, list):
        return value
    named = {"output_text": "text", "image": "image_url"}
    return [{**part, "type": named.get(part.get("type"), part.get("type"))} for part in value]


# Call type of LiteLLM: how its text is found. Other calls are left alone.
CALLS = {
    "acompletion": _completion,
    "completion": _completion,
    "atext_completion": _prompt("prompt"),
    "text_completion": _prompt("prompt"),
    "aembedding": _prompt("input"),
    "embeddings": _prompt("input"),
    "aresponses": _responses,
    "anthropic_messages": _anthropic,
}


def request_of(data, call_type, request_of_chat):
    """The plain request object of a call."""
    body = {"messages": CALLS[call_type](data), "metadata": _told(data)}
    for name in ("tools", "functions", "max_tokens", "max_completion_tokens", "user"):
        body[name] = data.get(name)
    if call_type == "aresponses":
        body["max_tokens"] = data.get("max_output_tokens")
    request = request_of_chat(body)
    text = data.get("prompt") or data.get("input")
    if isinstance(text, list) and text and isinstance(text[0], int):
        request["input_tokens"] = len(text)
    return request


def _told(data):
    told = {}
    # Where LiteLLM keeps its own apart, `metadata` is the client's.
    for place in ("litellm_metadata", "metadata"):
        metadata = data.get(place)
        if isinstance(metadata, dict):
            told.update((name, metadata[name]) for name in TOLD if metadata.get(name) is not None)
    return told


# --- the hook --------------------------------------------------------------------------------------


class Hook(CustomLogger):
    """LiteLLM's callback: chooses before the call, tells in headers and tags."""

    def __init__(self, folder=FOLDER):
        super().__init__()
        self.failures = 0
        self.driver, self.decider, self.broken = AUTO, None, None
        try:
            with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as file:
                self.driver = str(json.load(file)["driver"])
        except Exception as error:
            # The model `auto` of the config points at the driver.
            LOG.error("weighbridge: manifest.json cannot be read: %s", _shown(error))
        try:
            self.decider = Decider(folder)
            LOG.warning("weighbridge: the %s decides by %s", self.decider.runtime, folder)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of the wheel is no Exception
            self.broken = " ".join(str(error).split())[:300] or type(error).__name__
            LOG.error(
                "weighbridge: DEGRADED: %s cannot be used: %s. Every request for `%s` goes to the driver, %s",
                os.path.join(folder, "policy.router.json"),
                self.broken,
                AUTO,
                self.driver,
            )

    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        """Set the model of a request for `auto`."""
        if data.get("model") != AUTO or call_type not in CALLS:
            return data
        start = time.perf_counter_ns()
        id = _id_of(data)
        endpoint, propensity, degraded = self.driver, None, True
        if self.decider is not None:
            try:
                endpoint, propensity = self.decider.decide(data, call_type, id)
                if endpoint is not None and not _is_model(endpoint):
                    raise Missing(f"the config has no model `{endpoint}`")
                degraded = False
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:
                endpoint, propensity, degraded = self.driver, None, True
                self._complain(error)
        if endpoint is None:
            raise _refusal(id)
        data["model"] = endpoint
        told = {"id": id, "endpoint": endpoint, "propensity": propensity, "degraded": degraded}
        _tell(data, told)
        told["hook_us"] = (time.perf_counter_ns() - start) // 1000
        return data

    async def async_post_call_response_headers_hook(
        self, data, user_api_key_dict, response, request_headers=None, litellm_call_info=None
    ):
        """The headers of an answer: where it was sent, and who answered after all fallbacks."""
        told = _metadata(data).get("weighbridge")
        if not isinstance(told, dict):
            return None
        headers = {
            "x-weighbridge-endpoint": _visible(told["endpoint"]),
            "x-weighbridge-hook-us": str(told["hook_us"]),
        }
        if told["propensity"] is not None:
            # Shares are whole parts per million.
            headers["x-weighbridge-propensity"] = f"{told['propensity']:.6f}".rstrip("0").rstrip(".")
        if told["degraded"]:
            headers["x-weighbridge-degraded"] = "1"
        served = _served(response, data)
        if served:
            # `auto` itself answers only as the driver.
            headers["x-weighbridge-served"] = _visible(self.driver if served == AUTO else served)
        return headers

    def _complain(self, error):
        """Say that a request could not be decided; ever more rarely, so that the log stays readable."""
        self.failures += 1
        if self.failures & (self.failures - 1) == 0:
            LOG.error(
                "weighbridge: DEGRADED: a request went to the driver (%d so far): %s", self.failures, _shown(error)
            )


def _shown(error):
    """What went wrong, without what a client wrote: prompts do not belong into a log."""
    path = getattr(error, "path", None)
    if path:
        return f"{type(error).__name__} at {path}"
    return f"{type(error).__name__}: {error}" if isinstance(error, (OSError, Missing)) else type(error).__name__


def _id_of(data):
    """The request's id: the client's, else LiteLLM's."""
    asked = data.get("proxy_server_request")
    headers = asked.get("headers") if isinstance(asked, dict) else None
    for name, value in (headers or {}).items():
        if str(name).lower() == "x-request-id" and REQUEST_ID.fullmatch(str(value)):
            return str(value)
    return str(data.get("litellm_call_id") or time.time_ns())


def _is_model(name):
    """Whether the proxy has that model; where it cannot be asked, yes."""
    try:
        from litellm.proxy import proxy_server

        return name in proxy_server.llm_router.model_names
    except Exception:
        return True


def _metadata(data):
    """LiteLLM's own metadata of a request: a client's stand elsewhere on some routes."""
    for place in ("litellm_metadata", "metadata"):
        if isinstance(data.get(place), dict):
            return data[place]
    return data.setdefault("metadata", {})


def _tell(data, told):
    metadata = _metadata(data)
    metadata["weighbridge"] = told  # for the headers
    tags = metadata.get("tags")
    tags = list(tags) if isinstance(tags, list) else []
    tags = [tag for tag in tags if not str(tag).startswith("weighbridge:")]
    tags.append(f"weighbridge:{told['endpoint']}")
    if told["degraded"]:
        tags.append("weighbridge:degraded")
    metadata["tags"] = tags
    # What LiteLLM's logs keep: a trace needs the propensity.
    kept = metadata.get("spend_logs_metadata")
    kept = dict(kept) if isinstance(kept, dict) else {}
    kept["weighbridge"] = dict(told)
    metadata["spend_logs_metadata"] = kept


def _served(response, data):
    """The model of the config that answered; None after a failure."""
    if response is None:
        return None
    hidden = getattr(response, "_hidden_params", None)
    headers = hidden.get("additional_headers") if isinstance(hidden, dict) else None
    group = (headers or {}).get("x-litellm-model-group")
    # Answers that are plain dicts have lost their hidden parameters by now.
    return group or getattr(data.get("deployment"), "model_name", None)


def _visible(text):
    """A text that may stand in a header."""
    return "".join(c if "!" <= c <= "~" else "?" for c in text)


def _refusal(id):
    message = f"the policy sends this request to no endpoint that may take it (request {id})"
    try:
        from fastapi import HTTPException

        return HTTPException(status_code=400, detail=message, headers={"x-weighbridge-unanswered": "1"})
    except ImportError:
        return Unanswered(message)


hook = Hook()
