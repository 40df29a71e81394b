// Segment's SDK for Node.js: one event a call, batches of 15, JSON without compression.
import { an_hour_ago, as_json, device, expect_row, from_packages, ingest_url, other_user, report, unusual, user, write_key } from './driver.mjs';

const { Analytics } = from_packages('@segment/analytics-node');
const analytics = new Analytics({ writeKey: write_key, host: ingest_url, flushAt: 15, flushInterval: 100 });
const context_include = { library: { name: '@segment/analytics-node' } };

/// Resolves when the SDK believes that the event is delivered.
async function send(type, event, row) {
    const occurred_at = event.timestamp ?? new Date();
    const message_id = await new Promise((resolve, reject) => {
        analytics[type](event, (error, context) => (error ? reject(error) : resolve(context.event.messageId)));
    });
    expect_row({ type, user_id: event.userId ?? null, anonymous_id: event.anonymousId ?? null, context_include, occurred_at, message_id, ...row });
}

const properties = as_json(unusual());
const sent = [
    send('track', { userId: user, event: 'Frage gestellt 🎓', properties: unusual() }, { activity: 'Frage gestellt 🎓', properties, course_id: 'course-数学' }),
    send('track', { anonymousId: device, event: 'Lesson Opened', timestamp: an_hour_ago() }, { activity: 'Lesson Opened', properties: {} }),
    send('track', { userId: user, anonymousId: device, event: 'Lesson Closed', messageId: `own ${user}` }, { message_id: `own ${user}`, properties: {} }),
    send('page', { userId: user, name: 'Lecture 7', category: 'Maths', properties: unusual() }, { properties_include: properties, extra_include: { name: 'Lecture 7', category: 'Maths' } }),
    send('screen', { anonymousId: device, name: 'Lecture 7', properties: { a: 1 } }, { properties: { a: 1 }, extra_include: { name: 'Lecture 7' } }),
    send('identify', { userId: user, traits: unusual() }, { properties }),
    send('group', { userId: user, groupId: 'class 9b', traits: unusual() }, { properties, extra_include: { groupId: 'class 9b' } }),
    send('alias', { userId: other_user, previousId: user }, { extra_include: { previousId: user } }),
];
for (let i = 0; i < 40; ++i) {
    sent.push(send('track', { userId: user, event: 'Step Done', properties: { i } }, { properties: { i } }));
}
const all = Promise.all(sent);
await analytics.closeAndFlush({ timeout: 60_000 });
await all;
await report();
