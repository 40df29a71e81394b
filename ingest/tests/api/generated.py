"""What Schemathesis needs to know about this API besides openapi.json: `run` loads it.

Its own two checks of good and bad data are replaced: a batch with one bad event is answered 202, with a verdict for
each, and some rules can't be said in JSON Schema.
"""

import json

import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode

# Headers that Schemathesis cannot mean: it packs no bodies, and a second message ID beside the body's changes nothing.
# exchanges.py sends them.
LEFT_OUT = {"Content-Encoding", "Idempotency-Key"}

# Rules of bytes, of numbers' size and of clocks; and what these do to an atomic batch.
NOT_IN_SCHEMA = {"nul_character", "number_out_of_range", "field_too_long", "invalid_message_id", "event_too_large", "time_out_of_window", "other_event_rejected"}


BATCHES = {"/v1/batch", "/v1/import", "/v1/b", "/beacon/v1/batch"}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    parameters = raw_schema["components"]["parameters"]
    left_out = {f"#/components/parameters/{key}" for key, value in parameters.items() if value["name"] in LEFT_OUT}
    for entry in raw_schema["paths"].values():
        for operation in entry.values():
            if isinstance(operation, dict) and "parameters" in operation:
                operation["parameters"] = [p for p in operation["parameters"] if p.get("$ref") not in left_out]


def verdicts_of(response, case):
    """The reply, if it is one with verdicts for a JSON body."""
    if case.media_type != "application/json" or case.method.upper() != "POST" or not isinstance(case.body, dict):
        return None
    if not response.content:
        return None
    reply = json.loads(response.content)
    return reply if "results" in reply else None


@schemathesis.check
def verdicts_add_up(ctx, response, case):
    """A verdict for every event of the request, in its order, and sums that are theirs."""
    reply = verdicts_of(response, case)
    if reply is None:
        return
    results = reply["results"]
    for status in ("accepted", "rejected", "dropped"):
        assert reply.get(status, 0) == sum(v["status"] == status for v in results), f"the number of {status} is wrong"
    assert (response.status_code == 202) == (reply["accepted"] + reply.get("dropped", 0) > 0), "202 is for something taken"
    events = case.body.get("batch") if case.path in BATCHES else [case.body]
    if not isinstance(events, list) or results[0]["messageId"] is None and len(results) == 1:
        return
    assert len(results) == len(events), f"{len(events)} events, {len(results)} verdicts"
    for event, verdict in zip(events, results):
        sent = event.get("messageId") if isinstance(event, dict) else None
        if isinstance(sent, str) and verdict["status"] == "accepted":
            assert verdict["messageId"] == sent, "another event's verdict"


@schemathesis.check
def good_events_are_accepted(ctx, response, case):
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    reply = verdicts_of(response, case)
    if reply is None:
        return
    for verdict in reply["results"]:
        assert verdict["status"] != "rejected" or verdict["code"] in NOT_IN_SCHEMA, f"a good event was refused: {verdict}"


@schemathesis.check
def bad_events_are_refused(ctx, response, case):
    if case.meta is None or case.media_type != "application/json" or not case.meta.is_negative_at(ParameterLocation.BODY):
        return
    if response.status_code != 202:
        return
    reply = verdicts_of(response, case)
    assert reply is not None and reply["rejected"] > 0, "a body that breaks its schema was taken whole"
