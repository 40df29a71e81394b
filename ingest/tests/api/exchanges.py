"""Exact requests and the answers that they must get; every answer must also be as openapi.json says.

Environment: INGEST_URL, WRITE_KEY; API_TEST_SOURCES=yes if ingest runs with sources.toml beside this file (else only
the requests that any source answers are sent). Ends with 0 only if every answer was right and, with those sources,
every code of openapi.json was seen but for those that `elsewhere` names.
"""

import base64
import gzip
import http.client
import json
import os
import re
import socket
import sys
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlsplit

from described import Description

# Codes that no request alone brings about, and the test that does.
elsewhere = {
    "queue_full": "workers/tests/outage_test.cpp",
    "not_confirmed": "workers/tests/outage_test.cpp",
    "too_many_connections": "ingest/tests/hostile_http_test.cpp",
}

OPEN, DISABLED, EXPIRED, CURRENT = "api-test-open", "api-test-disabled", "api-test-expired", "api-test-current"
STRICT, RATED, DROPPING = "api-test-strict", "api-test-rated", "api-test-dropping"
WEB = os.environ["WRITE_KEY"]

SCHOOL, STRANGER = "https://school.example", "https://stranger.example"


def basic(key):
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


@dataclass
class Exchange:
    """One request and what its answer must be. `path` is the target; a member of `headers` that is None is not sent."""

    name: str
    status: int
    code: str | None = None  # of the problem, of the refusal, or of some verdict or warning in the reply
    method: str = "POST"
    path: str = "/v1/track"
    body: object = None  # bytes as they are; anything else as JSON
    headers: dict = field(default_factory=dict)
    key: str | None = WEB  # as Basic
    field_name: str | None = None  # what the rejection, warning or problem names
    has: dict = field(default_factory=dict)  # headers of the answer: text, pattern, or None for "not there"
    reply: dict = field(default_factory=dict)  # members of the answer's object
    raw: bytes | None = None  # the whole request, for those that are not HTTP
    closes: bool = False  # the connection must end after the answer
    sources: bool = False  # wants sources.toml


def event(**members):
    """A good event; a member that is given as None is left out."""
    whole = {
        "messageId": str(uuid.uuid4()),
        "userId": "learner-1",
        "event": "Question Asked",
        "properties": {"courseId": "c", "lectureId": "l", "questionId": "q"},
    } | members
    return {name: value for name, value in whole.items() if value is not None}


def item(kind="track", **members):
    return event(**members) | {"type": kind}


def time_ago(**ago):
    return (datetime.now(timezone.utc) - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def nested(levels):
    """An event with that many levels of objects in all; its own and its properties' are two of them."""
    text = '{"a":' * (levels - 2) + "1" + "}" * (levels - 2)
    return ('{"messageId":"%s","userId":"u","event":"Deep","properties":{"x":%s}}' % (uuid.uuid4(), text)).encode()


def good():
    learner = {"userId": "learner-1"}
    yield Exchange("track", 202, body=event(), reply={"accepted": 1, "rejected": 0})
    for path, members in {
        "page": {"name": "Course"},
        "screen": {"name": "Timetable"},
        "identify": {"traits": {"grade": 7}},
        "group": {"groupId": "class-7b"},
        "alias": {"previousId": "device-9"},
        "merge": {"mergeProperties": [{"type": "email", "value": "a@x"}, {"type": "number", "value": "1"}]},
    }.items():
        yield Exchange(path, 202, path=f"/v1/{path}", body={"messageId": str(uuid.uuid4())} | learner | members)
        if path != "merge":
            short = f"/v1/{path[0]}"
            yield Exchange(f"{short} is {path}", 202, path=short, body={"messageId": str(uuid.uuid4())} | learner | members)
    yield Exchange("/v1/t is track", 202, path="/v1/t", body=event())
    yield Exchange("a trailing slash", 202, path="/v1/track/", body=event())
    for path in ("/v1/batch", "/v1/import", "/v1/b", "/v1/batch/"):
        yield Exchange(f"two events to {path}", 202, path=path, body={"batch": [item(), item("page", event=None)]}, reply={"accepted": 2})
    yield Exchange("a beacon", 202, path=f"/beacon/v1/batch?writeKey={WEB}", key=None, body={"batch": [item()]})
    for media_type in ("application/json; charset=utf-8", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", None):
        yield Exchange(f"JSON as {media_type}", 202, body=event(), headers={"Content-Type": media_type})
    packed = gzip.compress(json.dumps(event()).encode())
    yield Exchange("gzip that says so", 202, body=packed, headers={"Content-Encoding": "gzip"})
    yield Exchange("gzip that says nothing", 202, body=gzip.compress(json.dumps(event()).encode()), headers={"Content-Type": "text/plain"})
    yield Exchange("Bearer", 202, body=event(), key=None, headers={"Authorization": f"Bearer {WEB}"})
    yield Exchange("key in the query", 202, path=f"/v1/track?writeKey={WEB}", key=None, body=event())
    yield Exchange("key in the body", 202, key=None, body=event(writeKey=WEB))
    yield Exchange("Idempotency-Key", 202, body=event(messageId=None) | {"messageId": None}, headers={"Idempotency-Key": "from-the-header"}, reply={"results": [{"messageId": "from-the-header", "status": "accepted"}]})
    yield Exchange("nulls are absent", 202, body=event() | {"anonymousId": None, "context": None, "timestamp": None, "type": None}, reply={"accepted": 1})
    yield Exchange("a number as ID", 202, body=event(userId=4711), reply={"accepted": 1})
    yield Exchange("other clients' times", 202, path="/v1/batch", body={"batch": [item(timestamp=time_ago(days=1).replace("T", " ")), item(timestamp=time_ago(hours=2).replace("Z", "+0000"))], "sentAt": time_ago(seconds=1)}, reply={"accepted": 2})
    yield Exchange("64 levels", 202, body=nested(62))
    yield Exchange("2,500 events", 202, path="/v1/batch", body={"batch": [{"type": "track", "messageId": f"{uuid.uuid4()}", "userId": "u", "event": "E"} for _ in range(2500)]}, reply={"accepted": 2500})
    yield Exchange("atomic, all good", 202, path="/v1/batch?atomic=true", body={"batch": [item(), item()]}, reply={"accepted": 2})
    yield Exchange("one of two is bad", 202, "missing_field", path="/v1/batch", body={"batch": [item(), item(event=None)]}, field_name="batch[1].event", reply={"accepted": 1, "rejected": 1})
    yield Exchange("no message ID", 202, "message_id_made", body=event(messageId=None), field_name="messageId")
    yield Exchange("properties break the schema", 202, "schema_violation", body=event(properties={"courseId": "c"}))
    yield Exchange("long ago", 202, "time_out_of_window", body=event(timestamp=time_ago(days=400)))
    yield Exchange("far ahead", 202, "time_out_of_window", body=event(timestamp=time_ago(days=-2)))


def refused():
    one = "one event: "
    yield Exchange(one + "not JSON", 400, "malformed_json", body=b'{"userId":')
    yield Exchange(one + "bad UTF-8", 400, "malformed_json", body=b'{"userId":"\xff","event":"E"}')
    yield Exchange(one + "no object", 400, "wrong_type", body=b"[]")
    yield Exchange(one + "nested too deep", 400, "nesting_too_deep", body=nested(70))
    yield Exchange(one + "2^64", 400, "number_out_of_range", body=b'{"userId":"u","event":"E","properties":{"n":18446744073709551616}}')
    yield Exchange(one + "U+0000", 400, "nul_character", body=event(properties={"a": [1, "\0"]}), field_name="properties.a[1]")
    yield Exchange(one + "a name twice", 400, "duplicate_key", body=b'{"userId":"u","userId":"v","event":"E"}', field_name="userId")
    yield Exchange(one + "wrong type", 400, "wrong_type", body=event(properties=[]), field_name="properties")
    yield Exchange(one + "no learner", 400, "missing_field", body=event(userId=None), field_name="userId")
    yield Exchange(one + "no name", 400, "missing_field", body=event(event=None), field_name="event")
    yield Exchange(one + "no group", 400, "missing_field", path="/v1/group", body=event(event=None), field_name="groupId")
    yield Exchange(one + "no previous ID", 400, "missing_field", path="/v1/alias", body=event(event=None), field_name="previousId")
    yield Exchange(one + "unknown type", 400, "unknown_event_type", body=event(type="trackk"), field_name="type")
    yield Exchange(one + "another call's type", 400, "unknown_event_type", path="/v1/page", body=event(type="track"), field_name="type")
    yield Exchange(one + "empty message ID", 400, "invalid_message_id", body=event(messageId=""), field_name="messageId")
    yield Exchange(one + "message ID of 101 bytes", 400, "invalid_message_id", body=event(messageId="é" * 50 + "x"), field_name="messageId")
    yield Exchange(one + "no time", 400, "invalid_timestamp", body=event(timestamp="yesterday"), field_name="timestamp")
    yield Exchange(one + "name too long", 400, "field_too_long", body=event(event="x" * 257), field_name="event")
    yield Exchange(one + "too large", 400, "event_too_large", body=event(properties={"text": "x" * 33_000}))
    yield Exchange("a batch that is none", 400, "missing_field", path="/v1/batch", body=event(), field_name="batch")
    yield Exchange("a batch of 0", 400, "empty_batch", path="/v1/batch", body={"batch": []}, field_name="batch")
    yield Exchange("a batch of 2,501", 400, "batch_too_large", path="/v1/batch", body={"batch": [{}] * 2501}, field_name="batch")
    yield Exchange("a batch's time", 400, "invalid_timestamp", path="/v1/batch", body={"batch": [item()], "sentAt": "now"}, field_name="sentAt")
    yield Exchange("atomic, one bad", 400, "other_event_rejected", path="/v1/batch?atomic=true", body={"batch": [item(), item(event=None)]}, reply={"accepted": 0, "rejected": 2})
    yield Exchange("atomic is no word", 400, "invalid_query", path="/v1/batch?atomic=perhaps", body={"batch": [item()]})
    yield Exchange("no gzip", 400, "malformed_gzip", body=b"{}", headers={"Content-Encoding": "gzip"})
    yield Exchange("gzip cut off", 400, "malformed_gzip", body=gzip.compress(json.dumps(event()).encode())[:-6])
    yield Exchange("a strict source's schema", 400, "schema_violation", key=STRICT, body=event(properties={}), sources=True)
    yield Exchange("a strict source's window", 400, "time_out_of_window", key=STRICT, body=event(timestamp=time_ago(days=400)), sources=True)


def keys():
    challenge = {"WWW-Authenticate": re.compile("^Basic ")}
    yield Exchange("no key", 401, "missing_write_key", key=None, body=event(), has=challenge)
    yield Exchange("no key, no JSON", 401, "missing_write_key", key=None, body=b"{", has=challenge)
    yield Exchange("wrong key", 401, "invalid_write_key", key="no-such-key", body=event(), has=challenge)
    yield Exchange("the header counts before the query", 401, "invalid_write_key", path=f"/v1/track?writeKey={WEB}", key="no-such-key", body=event())
    yield Exchange("the query counts before the body", 401, "invalid_write_key", path="/v1/track?writeKey=no-such-key", key=None, body=event(writeKey=WEB))
    yield Exchange("an expired key", 401, "invalid_write_key", key=EXPIRED, body=event(), sources=True)
    yield Exchange("the key after it", 202, key=CURRENT, body=event(), sources=True)
    yield Exchange("a source that is off", 403, "source_disabled", key=DISABLED, body=event(), sources=True)
    yield Exchange("a drop rule", 202, "drop_rule", path="/v1/batch", key=DROPPING, body={"batch": [item(), item(event="Video Paused", properties={"videoId": "v"})]}, reply={"accepted": 1, "dropped": 1}, sources=True)
    yield Exchange("everything dropped", 202, "drop_rule", key=DROPPING, body=event(event="video_paused", properties={"videoId": "v"}), reply={"accepted": 0, "dropped": 1}, sources=True)


def pages():
    ask = {"Origin": SCHOOL, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type,x-retry-count"}
    listed = {"Access-Control-Allow-Origin": SCHOOL, "Access-Control-Allow-Credentials": "true", "Vary": re.compile("Origin")}
    yield Exchange("a listed page", 202, body=event(), headers={"Origin": SCHOOL}, has=listed, sources=True)
    yield Exchange("a listed page reads errors", 400, "missing_field", body=event(userId=None), headers={"Origin": SCHOOL}, has=listed, sources=True)
    yield Exchange("any page", 202, key=OPEN, body=event(), headers={"Origin": STRANGER}, has={"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": None}, sources=True)
    yield Exchange("a page that is not listed", 403, "origin_not_allowed", body=event(), headers={"Origin": STRANGER}, has={"Access-Control-Allow-Origin": None}, sources=True)
    yield Exchange("ingest's own page", 202, body=event(), headers={"Origin": os.environ["INGEST_URL"]})
    yield Exchange("a page's script", 202, body=event(), headers={"Origin": SCHOOL}, has={"Access-Control-Expose-Headers": re.compile("(?i)retry-after")}, sources=True)
    yield Exchange("a preflight", 204, method="OPTIONS", key=None, headers=ask, sources=True, has=listed | {
        "Access-Control-Allow-Methods": re.compile("POST"),
        "Access-Control-Allow-Headers": re.compile("(?i)(?=.*authorization)(?=.*content-type)(?=.*content-encoding)(?=.*anonymousid)(?=.*x-retry-count)(?=.*idempotency-key)"),
        "Access-Control-Max-Age": "86400"})
    yield Exchange("a beacon's preflight", 204, method="OPTIONS", path=f"/beacon/v1/batch?writeKey={WEB}", key=None, headers=ask, has=listed, sources=True)
    yield Exchange("OPTIONS of a program", 204, method="OPTIONS", key=None, has={"Allow": re.compile(r"\bPOST\b")})
    yield Exchange("OPTIONS of a GET", 204, method="OPTIONS", path="/health", key=None, has={"Allow": re.compile(r"\bGET\b.*\bHEAD\b")})


def others():
    pixel = f"/pixel/v1/track?writeKey={WEB}&userId=u&event=Newsletter+Opened&properties.courseId=c&properties.a.b=%C3%A9"
    picture = {"Content-Type": "image/gif", "Cache-Control": re.compile("no-store")}
    yield Exchange("pixel", 200, method="GET", path=pixel, key=None, has=picture)
    yield Exchange("pixel for a page", 200, method="GET", path=f"/pixel/v1/page?writeKey={WEB}&anonymousId=a&messageId={uuid.uuid4()}", key=None, has=picture)
    yield Exchange("pixel, HEAD", 200, method="HEAD", path=pixel, key=None)
    yield Exchange("pixel without a learner", 400, "missing_field", method="GET", path=f"/pixel/v1/track?writeKey={WEB}&event=E", key=None)
    yield Exchange("pixel without a key", 401, "missing_write_key", method="GET", path="/pixel/v1/track?userId=u&event=E", key=None)
    yield Exchange("pixel, bad escape", 400, "invalid_query", method="GET", path=f"/pixel/v1/track?writeKey={WEB}&userId=%zz&event=E", key=None)
    for path in ("/v1/m", "/m"):
        yield Exchange(f"an SDK's metrics to {path}", 200, path=path, key=None, body={"series": []}, headers={"Content-Type": "text/plain"}, reply={"success": True})
    yield Exchange("browser settings", 200, method="GET", path=f"/v1/projects/{WEB}/settings", key=None)
    yield Exchange("browser settings, HEAD", 200, method="HEAD", path=f"/v1/projects/{WEB}/settings", key=None)
    yield Exchange("source config", 200, method="GET", path="/sourceConfig", reply={})
    yield Exchange("source config with a slash", 200, method="GET", path=f"/sourceConfig/?p=npm&v=1&writeKey={WEB}", key=None)
    yield Exchange("source config without a key", 401, "missing_write_key", method="GET", path="/sourceConfig", key=None)
    yield Exchange("health", 200, method="GET", path="/health", key=None, reply={"status": "ok"})
    yield Exchange("health, HEAD", 200, method="HEAD", path="/health", key=None)
    yield Exchange("docs", 200, method="GET", path="/docs", key=None, has={"Content-Security-Policy": re.compile("default-src 'none'")})
    yield Exchange("this description", 200, method="GET", path="/openapi.json", key=None)
    yield Exchange("the client", 200, method="GET", path="/activity/1.0.0/activity.js", key=None, has={"Cache-Control": re.compile("immutable"), "Access-Control-Allow-Origin": "*"})
    yield Exchange("nothing there", 404, "not_found", path="/v1/nothing", body=event())
    yield Exchange("metrics are not public", 404, "not_found", method="GET", path="/metrics", key=None)
    yield Exchange("GET of an event route", 405, "method_not_allowed", method="GET", has={"Allow": re.compile(r"\bPOST\b")})
    yield Exchange("PUT of an event route", 405, "method_not_allowed", method="PUT", body=event(), has={"Allow": re.compile(r"\bPOST\b")})
    yield Exchange("DELETE of a page", 405, "method_not_allowed", method="DELETE", path="/health", key=None, has={"Allow": re.compile(r"\bGET\b")})


def transport():
    yield Exchange("XML", 415, "unsupported_media_type", body=b"<a/>", headers={"Content-Type": "application/xml"})
    yield Exchange("brotli", 415, "unsupported_encoding", body=b"{}", headers={"Content-Encoding": "br"}, has={"Accept-Encoding": "gzip"})
    yield Exchange("600 KB", 413, "body_too_large", body=event(properties={"x": "x" * 600_000}), closes=True)
    yield Exchange("600 KB in 2 KB", 413, "body_too_large_unpacked", body=gzip.compress(b" " * 600_000))
    yield Exchange("no HTTP", 400, "malformed_request", raw=b"BREW /v1/track COFFEE/1.0\r\n\r\n", closes=True)
    yield Exchange("two lengths", 400, "malformed_request", raw=b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", closes=True)
    yield Exchange("an expectation", 417, "expectation_failed", body=event(), headers={"Expect": "200-ok"}, closes=True)
    yield Exchange("9 KB of header", 431, "header_too_large", method="GET", path="/health", headers={"X-Padding": "x" * 9_000}, closes=True)
    yield Exchange("a body that never comes", 408, "request_timeout", raw=b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{", closes=True, sources=True)


class Asker:
    def __init__(self, url):
        parts = urlsplit(url)
        self.host, self.port = parts.hostname, parts.port or 80

    def bytes_of(self, exchange):
        if exchange.raw is not None:
            return exchange.raw
        headers = {"Host": f"{self.host}:{self.port}"}
        body = exchange.body
        if body is not None:
            if not isinstance(body, bytes):
                body = json.dumps(body).encode()
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        if exchange.key is not None:
            headers["Authorization"] = basic(exchange.key)
        headers |= exchange.headers
        lines = [f"{exchange.method} {exchange.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")

    def ask(self, exchange):
        """The response, with its body in `.content`, and whether the connection ended after it."""
        with socket.create_connection((self.host, self.port), timeout=45) as connection:
            try:
                connection.sendall(self.bytes_of(exchange))
            except OSError:
                pass  # refused before all of it was sent: the answer is what counts
            response = http.client.HTTPResponse(connection, method=exchange.method if exchange.raw is None else "POST")
            response.begin()
            response.content = response.read()
            ended = False
            if exchange.closes:
                try:
                    connection.shutdown(socket.SHUT_WR)
                    ended = connection.recv(1) == b""
                except ConnectionError:
                    ended = True
            return response, ended


class Checker:
    def __init__(self, description):
        self.description = description
        self.seen = set()

    def mistakes(self, exchange, response, ended):
        if response.status != exchange.status:
            yield f"status {response.status}, not {exchange.status}: {response.content[:300]!r}"
            return
        path = exchange.path.split("?")[0] if exchange.raw is None else "/v1/track"
        yield from self.description.mistakes(exchange.method if exchange.raw is None else "POST", path, response.status, response.headers, response.content)
        for name, wanted in exchange.has.items():
            value = response.headers.get(name)
            if wanted is None and value is not None:
                yield f"header {name} is there: {value}"
            elif wanted is not None and (value is None or not (value == wanted if isinstance(wanted, str) else wanted.search(value))):
                yield f"header {name} is {value!r}, not {wanted!r}"
        if exchange.closes and not ended:
            yield "the connection stayed open"
        if "json" not in response.headers.get("Content-Type", "") or not response.content:
            if exchange.code is not None:
                yield "there is no JSON to bear the code"
            return
        reply = json.loads(response.content)
        for name, wanted in exchange.reply.items():
            if reply.get(name) != wanted:
                yield f"{name} is {reply.get(name)!r}, not {wanted!r}"
        yield from self.code_mistakes(exchange, reply)

    def code_mistakes(self, exchange, reply):
        places = [reply] + reply.get("results", []) if isinstance(reply, dict) else []
        places += [warning for verdict in places for warning in verdict.get("warnings", [])]
        kinds = ["warning" if place not in [reply] + reply.get("results", []) else "other" for place in places]
        for place, kind in zip(places, kinds):
            if "code" in place:
                self.seen.add((kind, place["code"]))
        if exchange.code is None:
            unwanted = [place["code"] for place in places if "code" in place and place.get("status") != "dropped"]
            if unwanted:
                yield f"bears the codes {unwanted}"
            return
        bearers = [place for place in places if place.get("code") == exchange.code]
        if not bearers:
            yield f"code {exchange.code} is not in {json.dumps(reply)[:300]}"
        elif exchange.field_name is not None and all(place.get("field") != exchange.field_name for place in bearers):
            yield f"field is {bearers[-1].get('field')!r}, not {exchange.field_name!r}"
        if exchange.status == 400 and "results" in reply and reply["code"] != next(v["code"] for v in reply["results"] if v["status"] == "rejected"):
            yield "the reply's code is not that of its first rejection"


def rate_limit_mistakes(asker, checker):
    """A burst of 5 and then one a second: full batches until the rate is used up."""
    asked = Exchange("rate limit", 202, path="/v1/batch", key=RATED, body=None, sources=True)
    for _ in range(20):
        asked.body = {"batch": [item() for _ in range(5)]}
        response, _ = asker.ask(asked)
        if response.status == 429:
            break
        yield from checker.mistakes(asked, response, False)
    limited = Exchange("rate limit", 429, "rate_limited", path="/v1/batch", body=asked.body, has={"Retry-After": re.compile("^[1-9][0-9]*$"), "X-RateLimit-Limit": "1"})
    yield from checker.mistakes(limited, response, False)


def main():
    description = Description(Path(__file__).resolve().parents[2] / "web" / "openapi.json")
    asker, checker = Asker(os.environ["INGEST_URL"]), Checker(description)
    with_sources = os.environ.get("API_TEST_SOURCES") == "yes"
    asked, left_out, failed = 0, 0, 0
    for group in (good, refused, keys, pages, others, transport):
        for exchange in group():
            if exchange.sources and not with_sources:
                left_out += 1
                continue
            asked += 1
            try:
                found = list(checker.mistakes(exchange, *asker.ask(exchange)))
            except (OSError, http.client.HTTPException, ValueError) as error:
                found = [f"{type(error).__name__}: {error}"]
            if found:
                failed += 1
                print(f"{exchange.name} ({exchange.method} {exchange.path}):", *found, sep="\n  ")
    if with_sources:
        found = list(rate_limit_mistakes(asker, checker))
        codes = {("warning", code) for code in description.codes("WarningCode")}
        codes |= {("other", code) for name in ("RejectionCode", "ProblemCode") for code in description.codes(name)}
        found += [f"nothing here brings about the {kind if kind == 'warning' else 'code'} {code}" for kind, code in sorted(codes - checker.seen) if code not in elsewhere]
        if found:
            failed += 1
            print("rates and codes:", *found, sep="\n  ")
    print(f"{asked} exchanges, {failed} wrong" + (f", {left_out} left out: they want sources.toml (API_TEST_SOURCES=yes)" if left_out else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
