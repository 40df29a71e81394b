"""Segment's SDK for Python: batches from a thread of its own, with gzip; then the blocking mode without."""

import datetime
import decimal
import json
import os
import uuid

from segment.analytics.client import Client

INGEST_URL = os.environ["INGEST_URL"]
WRITE_KEY = os.environ["WRITE_KEY"]

run = uuid.uuid4().hex[:8]
user = f"learner Größe 🎓 {run}"
device = f"device {run}"
rows = []
errors = []


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def unusual():
    return {
        "text": "Größe 数学 🎓 e\u0301 \u2028 \ufeff \"'`\\ \t\n \u0001 %s $1 </script> {\"a\":1} \\N \\.",
        'a key.with "quotes" 🔑': "",
        "none": None,
        "yes": True,
        "half": 0.5,
        "small": 1e-7,
        # More digits than a double has.
        "big": 9007199254740993,
        "negative": -9223372036854775808,
        "nested": {"list": [1, [2, {"three": "3"}], []], "empty": {}},
        "courseId": "course-数学",
    }


def expect(message, **columns):
    """The row of a message as the SDK returned it: with the ID and the time that it made."""
    rows.append(
        {
            "type": message["type"],
            "message_id": message["messageId"],
            "user_id": message["userId"] or None,
            "anonymous_id": message["anonymousId"],
            "occurred_at": message["timestamp"],
            "context_include": {"library": {"name": "analytics-python"}},
            **columns,
        }
    )


def sent(result):
    queued, message = result
    assert queued, message
    return message


def send_all(client, steps):
    client_properties = {
        **unusual(),
        "when": datetime.datetime(2026, 2, 28, 23, 59, 59, tzinfo=datetime.timezone.utc),
        "day": datetime.date(2026, 2, 28),
        "exact": decimal.Decimal("1.5"),
    }
    properties = {**unusual(), "when": "2026-02-28T23:59:59+00:00", "day": "2026-02-28", "exact": 1.5}
    expect(
        sent(client.track(user, "Frage gestellt 🎓", client_properties)),
        activity="Frage gestellt 🎓",
        properties=properties,
        course_id="course-数学",
    )
    expect(
        sent(client.track(anonymous_id=device, event="Lesson Opened", timestamp=now() - datetime.timedelta(hours=1))),
        activity="Lesson Opened",
        properties={},
    )
    own_id = f"own {uuid.uuid4()}"
    expect(sent(client.track(user, "Lesson Closed", message_id=own_id)), message_id=own_id)
    expect(
        sent(client.page(user, "Maths", "Lecture 7", unusual())),
        properties=unusual(),
        extra_include={"name": "Lecture 7", "category": "Maths"},
    )
    expect(sent(client.screen(user, "Maths", "Lecture 7", {"a": 1})), properties={"a": 1}, extra_include={"name": "Lecture 7"})
    expect(sent(client.identify(user, unusual())), properties=unusual())
    expect(sent(client.group(user, "class 9b", unusual())), properties=unusual(), extra_include={"groupId": "class 9b"})
    expect(sent(client.alias(f"before {user}", user)), extra_include={"previousId": f"before {user}"})
    for i in range(steps):
        expect(sent(client.track(user, "Step Done", {"i": i})), properties={"i": i})


batching = Client(
    WRITE_KEY,
    host=INGEST_URL,
    gzip=True,
    upload_size=20,
    upload_interval=0.2,
    on_error=lambda error, batch: errors.append(f"{len(batch)} events: {error}"),
)
send_all(batching, 40)
batching.flush()
batching.join()

# This mode repeats nothing: it raises, and the app has to.
if os.environ.get("FAULT") != "limited":
    send_all(Client(WRITE_KEY, host=INGEST_URL, sync_mode=True), 2)

if errors:
    raise SystemExit("\n".join(errors))
print(json.dumps({"rows": rows}, ensure_ascii=False))
