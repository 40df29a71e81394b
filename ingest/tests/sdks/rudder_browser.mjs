// RudderStack's SDK for browsers, in Chromium, with all its plugins bundled: one request an event; batches;
// beacons. Its source's settings come from ingest.
import { as_json, expect_row, ingest_url, report, unusual, user, without_nulls, write_key } from './driver.mjs';
import { Browser, bundle } from './browser.mjs';

const browser = await Browser.start(
    bundle(`
        import { RudderAnalytics } from '@rudderstack/analytics-js/bundled';
        window.start = (key, address, options) => new Promise((resolve) => {
            const analytics = new RudderAnalytics();
            analytics.load(key, address, { configUrl: address, logLevel: 'WARN', ...options });
            analytics.ready(() => resolve(analytics));
        });
    `),
);
const context_include = { library: { name: 'RudderLabs JavaScript SDK' }, locale: 'de-DE', page: { title: 'Größe 数学 🎓', path: '/' } };
// The SDK leaves out nulls, and makes objects of lists within lists in traits.
const properties = without_nulls(as_json(unusual()));
const traits = () => ({ ...unusual(), nested: { list: [1, 'two'], empty: {} } });
const traits_stored = without_nulls(as_json(traits()));
const wordy = (variant) => [
    ['track', ['Frage gestellt 🎓', unusual()], { activity: 'Frage gestellt 🎓', user_id: null, properties, course_id: 'course-数学' }],
    ['page', ['Maths', 'Lecture 7', unusual()], { user_id: null, properties_include: { ...properties, path: '/' }, extra_include: { name: 'Lecture 7', category: 'Maths' } }],
    // Its traits are in the context alone.
    ['identify', [`${user} ${variant}`, traits()], { user_id: `${user} ${variant}`, properties: traits_stored, context_include: { ...context_include, traits: traits_stored } }],
    ['track', ['Lesson Opened'], { activity: 'Lesson Opened', user_id: `${user} ${variant}`, properties: {} }],
    ['group', ['class 9b', traits()], { user_id: `${user} ${variant}`, properties: traits_stored, extra_include: { groupId: 'class 9b' } }],
    ['alias', [`${user} ${variant} anew`, `${user} ${variant}`], { user_id: `${user} ${variant} anew`, extra_include: { previousId: `${user} ${variant}` } }],
    ...Array.from({ length: 12 }, (_, i) => ['track', ['Step Done', { i, variant }], { activity: 'Step Done', properties: { i, variant } }]),
];

/// Sends everything from a page of its own.
async function send_all(variant, options) {
    const page = await browser.open();
    const steps = wordy(variant);
    const anonymous_id = await page.evaluate(
        async ({ key, address, options, calls }) => {
            const analytics = await window.start(key, address, options);
            for (const [method, args] of calls) analytics[method](...args);
            return analytics.getAnonymousId();
        },
        { key: write_key, address: ingest_url, options, calls: steps },
    );
    for (const [type, , row] of steps) expect_row({ type, anonymous_id, context_include, ...row });
    return { page, count: steps.length };
}

const single = await send_all('single', { sendAdblockPage: true });
await browser.wait_delivered(single.count);
const batched = await send_all('batched', { queueOptions: { batch: { enabled: true, maxItems: 10, flushInterval: 300 } } });
await browser.wait_delivered(single.count + batched.count);
await single.page.close();
await batched.page.close();

// A beacon's reply is for nobody.
await send_all('beacons', { useBeacon: true, beaconQueueOptions: { maxItems: 10, flushQueueInterval: 300 } });
await report();
browser.check();
await browser.close();
