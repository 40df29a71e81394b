// RudderStack's SDK for Node.js: batches of up to 20, gzip by default, under the content type of a form.
import { an_hour_ago, as_json, device, expect_row, fault, from_packages, ingest_url, other_user, report, unusual, user, wait_until, write_key } from './driver.mjs';

const Analytics = from_packages('@rudderstack/rudder-sdk-node');
const context_include = { library: { name: 'analytics-node' } };
const errors = [];

function client(options) {
    return new Analytics(write_key, {
        dataPlaneUrl: ingest_url,
        flushAt: 20,
        flushInterval: 100,
        logLevel: fault ? 'silly' : 'error',
        errorHandler: (error) => errors.push(error),
        ...options,
    });
}

let waiting = 0;
function send(analytics, type, event, row) {
    expect_row({ type, user_id: event.userId ?? null, anonymous_id: event.anonymousId ?? null, context_include, occurred_at: event.timestamp ?? new Date(), ...row });
    ++waiting;
    analytics[type](event, (error) => {
        --waiting;
        if (error) errors.push(error);
    });
}

async function flush(analytics) {
    await wait_until('the SDK has had an answer to every event', async () => {
        await analytics.flush();
        if (errors.length > 0) throw errors[0];
        return waiting === 0;
    });
}

const properties = as_json(unusual());
const zipping = client({});
send(zipping, 'track', { userId: user, event: 'Frage gestellt 🎓', properties: unusual() }, { activity: 'Frage gestellt 🎓', properties, course_id: 'course-数学' });
// The SDK sets originalTimestamp to now on every event; the app's own time is `timestamp`.
send(zipping, 'track', { anonymousId: device, event: 'Lesson Opened', timestamp: an_hour_ago() }, { activity: 'Lesson Opened' });
send(zipping, 'track', { userId: user, event: 'Lesson Closed', messageId: `own ${user}` }, { message_id: `own ${user}` });
send(zipping, 'page', { userId: user, name: 'Lecture 7', category: 'Maths', properties: unusual() }, { properties, extra_include: { name: 'Lecture 7', category: 'Maths' } });
send(zipping, 'screen', { anonymousId: device, name: 'Lecture 7', properties: { a: 1 } }, { properties: { a: 1 }, extra_include: { name: 'Lecture 7' } });
send(zipping, 'identify', { userId: user, traits: unusual() }, { properties });
send(zipping, 'group', { userId: user, groupId: 'class 9b', traits: unusual() }, { properties, extra_include: { groupId: 'class 9b' } });
send(zipping, 'alias', { userId: other_user, previousId: user }, { extra_include: { previousId: user } });
// IDs that are numbers.
send(zipping, 'track', { userId: 4711, event: `Numbered ${user}` }, { user_id: '4711', activity: `Numbered ${user}` });
for (let i = 0; i < 40; ++i) {
    send(zipping, 'track', { userId: user, event: 'Step Done', properties: { i } }, { properties: { i } });
}
await flush(zipping);

const plain = client({ gzip: false });
for (let i = 40; i < 50; ++i) {
    send(plain, 'track', { userId: user, event: 'Step Done', properties: { i } }, { properties: { i } });
}
await flush(plain);

// RudderStack's server takes `merge`, but none of its SDKs sends it any more.
const merge = { userId: user, mergeProperties: [{ type: 'email', value: 'größe@school.example' }, { type: 'mobile', value: '+1-202-555-0146' }] };
expect_row({ type: 'merge', user_id: user, extra_include: { mergeProperties: merge.mergeProperties } });
for (;;) {
    const response = await fetch(`${ingest_url}/v1/merge`, {
        method: 'POST',
        headers: { Authorization: `Basic ${btoa(`${write_key}:`)}`, 'Content-Type': 'application/json' },
        body: JSON.stringify(merge),
    });
    if (response.status === 202) break;
    if (response.status !== 429) throw new Error(`merge: ${response.status} ${await response.text()}`);
    await new Promise((resume) => setTimeout(resume, 1000 * Number(response.headers.get('Retry-After'))));
}
await report();
process.exit(0); // its timers would hold the process for the rest of their intervals
