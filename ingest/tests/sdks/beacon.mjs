// What pages send without any SDK, in Chromium: navigator.sendBeacon, fetch with keepalive, an image; at the end of a
// page; from an origin that the source does not list.
import { expect_row, ingest_url, report, user, write_key } from './driver.mjs';
import { Browser } from './browser.mjs';

const browser = await Browser.start();
const ids = [];
/// A track event with an ID of its own.
function event(name, extra = {}) {
    const message_id = `${name} ${user}`;
    ids.push(message_id);
    return { type: 'track', event: name, userId: user, messageId: message_id, properties: { text: 'Größe 数学 🎓' }, ...extra };
}
function expect_event({ type, event: activity, messageId: message_id, properties }) {
    expect_row({ type, activity, message_id, user_id: user, properties });
}
const key = encodeURIComponent(write_key);
const page = await browser.open();

const beacons = [
    { kind: 'text', address: '/v1/batch', body: { batch: [event('text, key in the body'), event('the second of its batch')], writeKey: write_key } },
    { kind: 'text', address: `/beacon/v1/batch?writeKey=${key}`, body: { batch: [event('text, key in the query')] } },
    { kind: 'text', address: `/v1/track?writeKey=${key}`, body: event('text, one event') },
    // The browser asks first, and with credentials.
    { kind: 'json', address: `/v1/batch?writeKey=${key}`, body: { batch: [event('a Blob of JSON')] } },
    // No Content-Type at all.
    { kind: 'untyped', address: `/v1/batch?writeKey=${key}`, body: { batch: [event('a Blob without a type')] } },
    // Bytes that nothing but themselves calls gzip.
    { kind: 'gzip', address: `/v1/batch?writeKey=${key}`, body: { batch: [event('zipped bytes')] } },
];
const queued = await page.evaluate(
    async ({ ingest, beacons }) => {
        const zipped = (text) => new Response(new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer();
        const data = {
            text: (text) => text,
            json: (text) => new Blob([text], { type: 'application/json' }),
            untyped: (text) => new Blob([text]),
            gzip: zipped,
        };
        const results = [];
        for (const { kind, address, body } of beacons) results.push(navigator.sendBeacon(ingest + address, await data[kind](JSON.stringify(body))));
        return results;
    },
    { ingest: ingest_url, beacons },
);
if (queued.includes(false)) throw new Error(`a beacon was not queued: ${queued}`);
for (const { body } of beacons) (body.batch ?? [body]).forEach(expect_event);

const fetched = [event('fetch with keepalive'), event('fetch with every header')];
const replies = await page.evaluate(
    async ({ ingest, key, fetched }) => {
        const basic = `Basic ${btoa(`${key}:`)}`;
        const options = { method: 'POST', keepalive: true };
        const replies = [
            await fetch(`${ingest}/v1/batch`, { ...options, body: JSON.stringify({ batch: [fetched[0]], writeKey: key }) }),
            await fetch(`${ingest}/v1/track`, {
                ...options,
                credentials: 'include',
                headers: { Authorization: basic, 'Content-Type': 'application/json', 'Idempotency-Key': 'unused', 'X-Retry-Count': '1' },
                body: JSON.stringify(fetched[1]),
            }),
        ];
        return Promise.all(replies.map(async (reply) => ({ status: reply.status, body: await reply.json() })));
    },
    { ingest: ingest_url, key: write_key, fetched },
);
for (const { status, body } of replies) {
    if (status !== 202 || body.accepted !== 1) throw new Error(`fetch: ${status} ${JSON.stringify(body)}`);
}
fetched.forEach(expect_event);

// An image for pages and mails that can't run scripts.
const image_id = `image ${user}`;
const size = await page.evaluate(async (address) => {
    const image = new Image();
    image.src = address;
    await image.decode();
    return [image.naturalWidth, image.naturalHeight];
}, `${ingest_url}/pixel/v1/track?${new URLSearchParams({ writeKey: write_key, userId: user, messageId: image_id, event: 'Mail Opened 🎓', 'properties.mail.subject': 'Größe & more', 'context.page.path': '/mail' })}`);
if (size.join() !== '1,1') throw new Error(`the image is ${size}`);
expect_row({ type: 'track', activity: 'Mail Opened 🎓', user_id: user, message_id: image_id, properties: { mail: { subject: 'Größe & more' } }, context_include: { page: { path: '/mail' } } });

const farewell = event('at the end of the page');
const leaving = await browser.open();
await leaving.evaluate(
    ({ address, body }) => addEventListener('pagehide', () => navigator.sendBeacon(address, body)),
    { address: `${ingest_url}/v1/batch`, body: JSON.stringify({ batch: [farewell], writeKey: write_key }) },
);
await leaving.goto('about:blank');
expect_event(farewell);
browser.check();

// Nothing of an origin that is not listed is stored, whether the browser asks first or not: no row is expected.
const stranger = await browser.open(browser.unlisted_origin);
const refused = await stranger.evaluate(
    async ({ ingest, key, events }) => {
        const body = (event) => JSON.stringify({ batch: [event], writeKey: key });
        navigator.sendBeacon(`${ingest}/v1/batch`, body(events[0]));
        navigator.sendBeacon(`${ingest}/v1/batch`, new Blob([body(events[1])], { type: 'application/json' }));
        const attempt = (options) => fetch(`${ingest}/v1/batch`, { method: 'POST', ...options }).then((reply) => reply.status, () => 'refused');
        return [
            await attempt({ body: body(events[2]) }),
            await attempt({ body: body(events[3]), headers: { Authorization: `Basic ${btoa(`${key}:`)}` } }),
        ];
    },
    { ingest: ingest_url, key: write_key, events: ['a', 'b', 'c', 'd'].map((name) => ({ type: 'track', event: name, userId: user, messageId: `${name} unlisted ${user}` })) },
);
if (refused.join() !== 'refused,refused') throw new Error(`a page of an origin that is not listed could read: ${refused}`);
await report();
await browser.close();
