"""Fake upstreams on loopback: what all of them say over HTTP, and the one for the tests of gateways, which
has OpenAI's interface, an answer that says who gave it, plain or streamed, and faults on demand. Nothing of
a model is simulated but the shape of its answers.
"""

import json
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}]
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


class Talk(BaseHTTPRequestHandler):
    """What every fake upstream says over HTTP: a whole body, or a stream in pieces, or a reset."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def body(self):
        return json.loads(self.rfile.read(int(self.headers["content-length"])))

    def whole(self, value, status=200, headers=None):
        content = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, text)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def begin_stream(self):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def piece(self, text):
        """A piece of a stream; an empty one ends it."""
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def reset(self):
        # No lingering: the other side sees a reset, not an end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 256


def serving(handler, tls=None):
    """A server on a free port of this machine, on threads of its own."""
    server = _Server(("127.0.0.1", 0), handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Asked(tuple):
    """Path, headers and body of a request; when it came."""

    def __new__(cls, *parts):
        made = super().__new__(cls, parts)
        made.moment = time.monotonic_ns()
        return made


class Upstream:
    """One upstream: `asked` has path, headers and body of every request, in order of arrival."""

    def __init__(self, name, tls=None):
        self.name = name
        self.asked = []
        self.fault = None  # a status to answer with, or "reset": cut off after the first piece of a stream
        self.gate = None  # an event to wait for after the first piece of a stream
        self.server = serving(_handler(self), tls)
        self.port = self.server.server_address[1]

    @property
    def base(self):
        return f"http://127.0.0.1:{self.port}/v1"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def _handler(upstream):
    class Handler(Talk):
        def do_GET(self):
            upstream.asked.append(Asked(self.path, dict(self.headers.items()), None))
            self.whole({"object": "list", "data": [{"id": upstream.name, "object": "model"}]})

        def do_POST(self):
            try:
                body = dict(self.body())
            except (ValueError, TypeError):
                upstream.asked.append(Asked(self.path, dict(self.headers.items()), None))
                self.whole({"error": {"message": "not a JSON object"}}, 400)
                return
            upstream.asked.append(Asked(self.path, dict(self.headers.items()), body))
            if isinstance(upstream.fault, int):
                error = {"error": {"message": "on demand", "type": "server_error", "param": None, "code": None}}
                self.whole(error, upstream.fault)
            elif body.get("stream"):
                self.stream(body)
            else:
                self.whole(plain(self.path, body, upstream.name))

        def stream(self, body):
            self.begin_stream()
            for place, event in enumerate(pieces(self.path, body, upstream.name)):
                if place and upstream.gate:
                    upstream.gate.wait(30)
                if place and upstream.fault == "reset":
                    return self.reset()
                self.piece(event)
            return self.piece("")

    return Handler


def plain(path, body, name):
    """An answer whose text is the upstream's name."""
    head = {"id": "answer-1", "created": 1, "model": body.get("model")}
    if path.endswith("/embeddings"):
        return {**head, "object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "usage": USAGE}
    if path.endswith("/responses"):
        return _response(body, name)
    if path.endswith("/chat/completions"):
        choice = {"index": 0, "message": {"role": "assistant", "content": name}, "finish_reason": "stop"}
        return {**head, "object": "chat.completion", "choices": [choice], "usage": USAGE}
    choice = {"index": 0, "text": name, "finish_reason": "stop", "logprobs": None}
    return {**head, "object": "text_completion", "choices": [choice], "usage": USAGE}


def _response(body, name):
    content = [{"type": "output_text", "text": name, "annotations": []}]
    message = {"type": "message", "id": "m-1", "status": "completed", "role": "assistant", "content": content}
    usage = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
    usage |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    head = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": body.get("model")}
    rest = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "error": None, "metadata": {}}
    return {**head, **rest, "output": [message], "usage": usage}


def pieces(path, body, name):
    """The events of a streamed chat completion."""
    head = {"id": "answer-1", "object": "chat.completion.chunk", "created": 1, "model": body.get("model")}
    deltas = [({"role": "assistant", "content": name[:3]}, None), ({"content": name[3:]}, None), ({}, "stop")]
    for delta, reason in deltas:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        yield f"data: {json.dumps({**head, 'choices': [choice]})}\n\n"
    if (body.get("stream_options") or {}).get("include_usage"):
        yield f"data: {json.dumps({**head, 'choices': [], 'usage': USAGE})}\n\n"
    yield "data: [DONE]\n\n"
