"""Weighbridge in LiteLLM's proxy: requests for the model `auto` go where the router file says, and where
an endpoint fails, to those that the policy lets stand in.

    litellm_settings:
      callbacks: weighbridge_plugin.hook

LiteLLM finds this file beside its config. Beside it lie `policy.router.json`, the one-file loader
`weighbridge_router.py` and `manifest.json`, which names the driver. Where the wheel `weighbridge` is
installed it decides in place of the one-file loader; both decide alike.

Nothing here may keep the proxy from answering: every import is guarded, and whatever goes wrong sends
the request to the driver, with an error in the log, the header `x-weighbridge-degraded` and the tag
`weighbridge:degraded`. Refused, as `weighbridge serve` does it, are requests that are wrong in what a
decision rests on, and those that the policy sends nowhere.
"""

import asyncio
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
NAMES = ("task", "tenant", "session", "channel", "region")
TOLD = (*NAMES, "value_usd", "deadline_ms")
MAX_NAME_BYTES = 256
# Whether a client's other metadata go upstream, where LiteLLM sends them at all.
FORWARD_METADATA = os.environ.get("WEIGHBRIDGE_FORWARD_METADATA", "") not in ("", "0")
# What a client of LiteLLM can say in the body to go where the policy does not send it, or more often.
WAYS_ROUND = (
    "fallbacks",
    "context_window_fallbacks",
    "content_policy_fallbacks",
    "max_fallbacks",
    "num_retries",
    "max_retries",
    "retry_policy",
    "model_group_retry_policy",
    "routing_strategy",
    "user_config",
    "specific_deployment",
    "deployment_id",
    "custom_llm_provider",
    "azure",
)
UNANSWERED = "the policy sends this request to no endpoint that may take it (request {})"
# Bytes of a body above which deciding waits in a thread, so that it holds up no other request.
LARGE = 8192


class Refused(Exception):
    """A request that is not let through: the status, and the field that is wrong."""

    def __init__(self, status, message, param=None, headers=None):
        super().__init__(message)
        self.status, self.message, self.param, self.headers = status, message, param, headers or {}


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
    """A router file, loaded: `choose` tells where a request goes."""

    def __init__(self, folder=FOLDER):
        path = os.path.join(folder, "policy.router.json")
        self.loader = _module("weighbridge_router")
        # Who may stand in for whom is the loader's to say, whoever decides.
        self.router = self.loader.load(path)
        self.route = _wheel(path)
        self.runtime = "wheel" if self.route else "one-file loader"
        # The models that are the policy's affair.
        names = {name for endpoint in self.router.endpoints for name in (endpoint.id, endpoint.model)}
        self.names = {AUTO, *names, *(role for role in self.router.roles if self.router.named(role, {}))}

    def choose(self, data, call_type, id):
        """The endpoint, the probability with which it came out, and who may stand in for it, in order.
        A named endpoint, model or role is asked without a decision, and nobody else stands in."""
        plain = self.read(data, call_type)
        request = self.loader.Request(plain)
        if data["model"] != AUTO:
            endpoint, *others = self.router.named(data["model"], request)
            return endpoint, None, others
        decision = self.route(plain) if self.route else _plain(self.router.decide(request))
        endpoint, propensity = draw(id, decision["choice"], decision["unanswered_ppm"])
        return endpoint, propensity, [other for other in self.router.fallbacks(request) if other != endpoint]

    def read(self, data, call_type):
        """The plain request object of a call, arrived now."""
        try:
            request = request_of(data, call_type, self.loader.request_of_chat)
        except self.loader.RouterError as error:
            raise Refused(400, error.message, error.path or None) from None
        for name in NAMES:
            if len(request.get(name, "").encode("utf-8")) > MAX_NAME_BYTES:
                own = name != "tenant" or _told(data).get(name) is not None
                raise Refused(400, f"must have at most {MAX_NAME_BYTES} bytes", f"metadata.{name}" if own else "user")
        now = datetime.datetime.now(datetime.timezone.utc)
        return {**request, "at": now.isoformat(timespec="milliseconds")}


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
        """Set the model of a request for `auto` or for a name of the policy, and who stands in for it."""
        if not self._is_ours(data.get("model")):
            return data
        start = time.perf_counter_ns()
        id = _id_of(data)
        try:
            endpoint, propensity, others, degraded = await self._choose(data, call_type, id)
        except Refused as refused:
            raise _raised(refused) from None
        named = data["model"] != AUTO
        _close_ways_round(data)
        if degraded is None:
            data["model"] = endpoint
            data["fallbacks"] = [{endpoint: others}] if others else []
            # A request that is too long, or that a provider will not answer, is the client's affair.
            data["context_window_fallbacks"] = data["content_policy_fallbacks"] = []
        if not named:
            told = {"id": id, "endpoint": endpoint, "propensity": propensity, "degraded": degraded}
            _tell(data, told)
            told["hook_us"] = (time.perf_counter_ns() - start) // 1000
        return data

    def _is_ours(self, model):
        """Whether a name is the policy's affair. Of a list of models, to which LiteLLM sends a request all
        at once, no part may be."""
        if not isinstance(model, str):
            return False
        names = self.decider.names if self.decider else {AUTO}
        parts = {part.strip() for part in model.split(",")}
        if "," in model and not names.isdisjoint(parts):
            raise _raised(Refused(404, f"the model `{model[:200]}` is not known here; ask for one at a time", "model"))
        return model in names

    async def _choose(self, data, call_type, id):
        """Endpoint, propensity, who stands in, and why nothing could be decided: then LiteLLM sends the
        request on under the name that it has, for `auto` to the driver, with the chain of the config."""
        if call_type not in CALLS:
            return self.driver, None, [], "call"
        if self.decider is None:
            return self.driver, None, [], "policy"
        try:
            if _is_large(data):
                endpoint, propensity, others = await asyncio.to_thread(self.decider.choose, data, call_type, id)
            else:
                endpoint, propensity, others = self.decider.choose(data, call_type, id)
            if endpoint is None:
                raise Refused(400, UNANSWERED.format(id), headers={"x-weighbridge-unanswered": "1"})
            if not _is_model(endpoint):
                raise Missing(f"the config has no model `{endpoint}`")
            return endpoint, propensity, others, None
        except (KeyboardInterrupt, SystemExit, asyncio.CancelledError, Refused):
            raise
        except BaseException as error:  # a panic of the wheel is no Exception
            self._complain(error)
            return self.driver, None, [], "config" if isinstance(error, Missing) else "fault"

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
            headers["x-weighbridge-degraded"] = told["degraded"]
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


def _header(data, name):
    """A header of the request, as text; None where it has none."""
    asked = data.get("proxy_server_request")
    headers = asked.get("headers") if isinstance(asked, dict) else None
    return next((str(value) for key, value in (headers or {}).items() if str(key).lower() == name), None)


def _id_of(data):
    """The request's id: the client's, else LiteLLM's."""
    id = _header(data, "x-request-id")
    if id is not None and REQUEST_ID.fullmatch(id):
        return id
    return str(data.get("litellm_call_id") or time.time_ns())


def _is_large(data):
    """Whether reading and deciding may take milliseconds."""
    length = _header(data, "content-length") or ""
    return not length.isdigit() or int(length) > LARGE


def _close_ways_round(data):
    """Take out of a body by what a client would go past the policy, and what it told the router."""
    sent = (data.get("proxy_server_request") or {}).get("body")
    for name in [name for name in data if name in WAYS_ROUND or name.startswith("mock_")]:
        del data[name]
    # The settings of a key or team come under this name too.
    if isinstance(sent, dict) and "router_settings_override" in sent:
        data.pop("router_settings_override", None)
    if isinstance(data.get("extra_body"), dict):
        data["extra_body"] = {
            name: value for name, value in data["extra_body"].items() if name not in ("model", "metadata")
        }
    # Where LiteLLM keeps its own apart, `metadata` goes upstream.
    if isinstance(data.get("litellm_metadata"), dict):
        given = data.pop("metadata", None)
        kept = {name: value for name, value in (given or {}).items() if name not in TOLD} if FORWARD_METADATA else {}
        if kept:
            data["metadata"] = kept


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


def _raised(refused):
    """A refusal as LiteLLM tells it to a client."""
    try:
        from litellm.proxy._types import ProxyException
    except ImportError:
        return refused
    kind = "invalid_request_error"
    return ProxyException(refused.message, kind, refused.param, refused.status, dict(refused.headers))


hook = Hook()
