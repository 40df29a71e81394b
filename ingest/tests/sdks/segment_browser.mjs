// Segment's SDK for browsers, in Chromium: settings from ingest, then one request an event; batches; batches at the
// end of the page.
import { as_json, expect_row, ingest_url, report, unusual, user, write_key } from './driver.mjs';
import { Browser, bundle } from './browser.mjs';

const browser = await Browser.start(
    bundle(`
        import { AnalyticsBrowser } from '@segment/analytics-next';
        window.load = (settings, options) => AnalyticsBrowser.load(settings, options).then(([analytics]) => analytics);
    `),
);
const settings = { writeKey: write_key, cdnURL: ingest_url };
const context_include = { library: { name: 'analytics.js' }, locale: 'de-DE', timezone: 'Europe/Berlin', page: { title: 'Größe 数学 🎓', path: '/' } };
const properties = as_json(unusual());
const steps = [
    ['track', ['Frage gestellt 🎓', unusual()], { activity: 'Frage gestellt 🎓', user_id: null, properties, course_id: 'course-数学' }],
    ['page', ['Maths', 'Lecture 7', unusual()], { user_id: null, properties_include: { ...properties, name: 'Lecture 7', path: '/' }, extra_include: { category: 'Maths' } }],
    ['screen', ['Maths', 'Lecture 7', { a: 1 }], { user_id: null, properties_include: { a: 1 }, extra_include: { name: 'Lecture 7' } }],
    ['alias', [user, 'somebody before'], { user_id: user, extra_include: { previousId: 'somebody before' } }],
    ['identify', [user, unusual()], { user_id: user, properties }],
    ['track', ['Lesson Opened'], { activity: 'Lesson Opened', user_id: user, properties: {} }],
    ['group', ['class 9b', unusual()], { user_id: user, properties, extra_include: { groupId: 'class 9b' } }],
];

const page = await browser.open();
const anonymous_id = await page.evaluate(async (settings) => {
    window.analytics = await window.load(settings);
    return window.analytics.user().anonymousId();
}, settings);
// One at a time: what the SDK sends again it sends as of the user of that moment.
for (const [i, [type, args, row]] of steps.entries()) {
    const message_id = await page.evaluate(async ({ type, args }) => (await window.analytics[type](...args)).event.messageId, { type, args });
    expect_row({ type, message_id, anonymous_id, context_include, ...row });
    await browser.wait_delivered(i + 1);
}

/// Tracks steps by an instance of the SDK that collects batches; their message IDs.
const track_batched = (config, from, to) =>
    page.evaluate(
        async ({ settings, config, from, to }) => {
            const analytics = await window.load(settings, { integrations: { 'Segment.io': { deliveryStrategy: { strategy: 'batching', config } } } });
            const ids = [];
            for (let i = from; i < to; ++i) ids.push((await analytics.track('Step Done', { i })).event.messageId);
            return ids;
        },
        { settings, config, from, to },
    );
const expect_steps = (ids, from) =>
    ids.forEach((message_id, i) => expect_row({ type: 'track', activity: 'Step Done', user_id: user, anonymous_id, message_id, properties: { i: from + i } }));

// The same learner on the same device.
expect_steps(await track_batched({ size: 10, timeout: 300 }, 0, 25), 0);
await browser.wait_delivered(steps.length + 25);
// What waits for its batch when the page ends goes out with keepalive; nobody is left to read the reply.
expect_steps(await track_batched({ size: 100, timeout: 600_000 }, 25, 30), 25);
await page.goto('about:blank');
await report();
browser.check();
await browser.close();
