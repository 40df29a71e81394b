// Sends what learners do on a page to activity-ingest, from pages that have no SDK.
//
//   <script src="https://ingest.example/activity/1.0.0/activity.js" data-key="KEY"></script>
//   activity.identify("learner-1", {plan: "free"});
//   activity.track("Question Asked", {courseId: "algebra-1", lectureId: "lecture-7", questionId: "q-1"});
//
// data-endpoint names another address for the events; activity.init({key, endpoint}) does the same without a
// script tag's attributes. activity.reset() forgets who is signed in. activity.dropped and activity.rejected
// count, on this page, the events that were not queued and those that the server refused.
//
// An event leaves the queue only when the server has said what became of it; until then it is sent again and again
// under the same message ID, which the server takes once. So every doubt is resolved by sending.
//
// What is served is activity.min.js: this, in a function of its own, made by tests/browser/minify.mjs.

const script = document.currentScript;

// A batch, and an event. The server takes 32 KB an event. Two such requests, one in flight and a beacon, are less
// than the 64 KiB that a browser lets a page have in flight beyond its end.
const bytes_max = 32e3;
const batch_events_max = 100;
// All that is queued: some 2,000 events. A fifth of what an origin may keep, so that the page's own data fit.
const queued_chars_max = 1e6;
const flush_events = 20;
const tick_ms = 1e3;
// The server answers after 8 s at the latest. The lease is longer than that, so that it outlives its request.
const request_ms = 15e3;
const lease_ms = 20e3;
const backoff_ms_max = 60e3;
// A longer pause than this is a clock that was set back, not a wish of the server.
const pause_ms_max = 36e5;

const activity = {dropped: 0, rejected: 0};

activity.init = ({key, endpoint}) => {
    const address = (endpoint || new URL(script?.src || location).origin).replace(/\/+$/, "") +
        "/v1/batch?writeKey=" + encodeURIComponent(key);  // not in the body: that may be one which cannot be read
    const prefix = `activity.${key}.`;
    const queue = prefix + "event.";
    const user = prefix + "user";
    const anonymous = prefix + "anonymous";
    const pause = prefix + "pause";
    const lease = prefix + "lease";

    // --- Storage ---------------------------------------------------------------------------------------------
    //
    // localStorage, because it is synchronous: when track() returns, the event outlives the tab, and every other
    // tab sees it. One entry an event, so that tabs never overwrite each other's. What localStorage does not take
    // (it is full, or forbidden) is kept in memory.
    const memory = {};
    let disk = {};
    try {
        disk = localStorage || disk;
    } catch {}

    const read = (name) => memory[name] || disk[name];
    const write = (name, value) => {
        try {
            disk[name] = value;
            delete memory[name];
        } catch {
            memory[name] = value;
        }
    };
    const remove = (name) => {
        delete disk[name];
        delete memory[name];
    };
    // Message IDs begin with their time, so this is the order in which the events happened.
    const queued = () =>
        Object.keys(disk).concat(Object.keys(memory)).filter((name) => name.startsWith(queue)).sort();

    // IndexedDB has a copy of the queue, because Chromium writes localStorage down only after seconds, later even
    // for a page that writes often: a browser that is killed loses them. IndexedDB takes milliseconds, but is
    // asynchronous, so it can't be the queue itself. Without IndexedDB all else works.
    let database;
    const copy = (change) => {
        try {
            change(database.transaction(queue, "readwrite").objectStore(queue));
        } catch {}
    };
    try {
        const opening = indexedDB.open(prefix);
        opening.onupgradeneeded = () => opening.result.createObjectStore(queue);
        opening.onsuccess = () => {
            database = opening.result;
            copy((store) => {
                store.getAll().onsuccess = ({target}) => {
                    // An event that another tab has just sent may come back by this. It is sent once more.
                    for (const event of target.result) {
                        const name = queue + JSON.parse(event).messageId;
                        if (!read(name)) write(name, event);
                    }
                    for (const name of queued()) store.put(read(name), name);
                };
            });
        };
    } catch {}

    // --- Events ----------------------------------------------------------------------------------------------

    // UUIDv7 (RFC 9562): milliseconds, then a counter in place of 12 random bits, so that the IDs of a tab grow even
    // within a millisecond or when the clock is set back.
    let last_ms = 0;
    let count = 0;
    const hex = (number, digits = 4) => number.toString(16).padStart(digits, 0);
    const uuid = () => {
        const now = Date.now();
        count++;
        if (count > 4095) {
            last_ms++;
            count = 0;
        }
        if (now > last_ms) {
            last_ms = now;
            count = 0;
        }
        const time = hex(last_ms, 12);
        const [a, b, c, d] = crypto.getRandomValues(new Uint16Array(4));
        return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(count, 3)}-${hex((a & 0x3fff) | 0x8000)}-${hex(b)}${hex(c)}${hex(d)}`;
    };

    const size = (text) => new Blob([text]).size;

    // Whatever the page hands over, the page itself must go on: an event that can't be queued is only counted. When
    // the queue is full the newest event is dropped, because of the others it was already said that they are kept.
    const enqueue = (type, members) => {
        try {
            const messageId = uuid();
            const name = queue + messageId;
            const event = JSON.stringify({
                messageId,
                type,
                timestamp: new Date(),
                userId: read(user),
                anonymousId: read(anonymous),
                ...members,
                context: {
                    page: {
                        url: location.href.slice(0, 2e3),
                        path: location.pathname,
                        referrer: document.referrer,
                        title: document.title,
                    },
                    library: {name: "activity.js", version: "1.0.0"},
                },
            });
            const names = queued();
            const chars = names.reduce((sum, name) => sum + read(name).length, event.length);
            if (chars > queued_chars_max || size(event) > bytes_max) throw 0;
            write(name, event);
            copy((store) => store.put(event, name));
            if (names.length + 1 >= flush_events) send();
        } catch {
            activity.dropped++;
        }
    };

    // --- Sending ---------------------------------------------------------------------------------------------

    let batch_events = batch_events_max;
    let stopped = false;
    let busy = false;

    const next_batch = () => {
        let bytes = 0;
        return queued()
            .slice(0, batch_events)
            .filter((name, index) => (bytes += size(read(name))) < bytes_max || !index);
    };
    const body = (names) =>
        `{"sentAt":"${new Date().toISOString()}","batch":[${names.map(read).join()}]}`;

    // Until when nobody sends, after how many failures in a row, and whether the server asked for it: one answer
    // holds for all tabs, and for those that are opened meanwhile.
    const paused = () => {
        const [until, failures, asked] = JSON.parse(read(pause) || "[0,0,0]");
        const left = until - Date.now();
        return {is: left > 0 && left < pause_ms_max, failures, asked};
    };
    const back_off = (retry_after) => {
        const failures = paused().failures + 1;
        // Clients that failed together must not come back together.
        const spread = Math.random();
        const asked = /^\d+$/.test(retry_after);
        const ms = asked
            ? Math.min(retry_after * 1e3 + spread * tick_ms, pause_ms_max - 1)
            : Math.min(tick_ms * 2 ** failures, backoff_ms_max) * (0.5 + spread / 2);
        write(pause, JSON.stringify([Date.now() + ms, failures, asked]));
    };

    // True if the next batch can go at once.
    const send_batch = async () => {
        const names = next_batch();
        if (!names[0] || paused().is) return false;
        let status = 0;
        let retry_after;
        let answer;
        let verdicts = [];
        try {
            const response = await fetch(address, {
                method: "POST",
                body: body(names),  // a string is text/plain: no preflight
                credentials: "omit",
                keepalive: true,
                signal: AbortSignal.timeout?.(request_ms),
            });
            status = response.status;
            retry_after = response.headers.get("Retry-After");
            answer = await response.json();
            verdicts = answer.results.filter(({messageId}) => names.includes(queue + messageId));
        } catch {
            // No answer, or none of ingest's: no verdicts.
        }

        let done = verdicts.map(({messageId}) => queue + messageId);
        if (!done[0] && answer?.code && (status == 400 || status == 413)) {
            // The body as a whole was refused, so that no event has a verdict of its own (a number that is out of
            // range does that). The halves find the one that is to blame; it must not hold up the others.
            if (names[1]) {
                batch_events = names.length >> 1;
                return true;
            }
            done = names;
            verdicts.push({...answer, status: "rejected"});
        }
        if (done[0]) {
            done.forEach(remove);
            copy((store) => done.forEach((name) => store.delete(name)));
            remove(pause);
            batch_events = batch_events_max;
            for (const verdict of verdicts) {
                if (verdict.status == "rejected") {
                    activity.rejected++;
                    console.warn("activity", verdict);
                }
            }
            return true;
        }
        // No verdict. A wrong key, a wrong address and the like are not mended by sending again: this page stops,
        // the queue stays for one that is right.
        if (status >= 400 && status < 500 && status != 408 && status != 429) {
            stopped = true;
        } else {
            back_off(retry_after);
        }
        return false;
    };

    // One tab at a time sends. navigator.locks is missing in old browsers and on pages without TLS: there a lease
    // does. Two tabs may take it at the same moment; then both send, which costs a request and no more.
    const alone = async (work) => {
        if (navigator.locks) return navigator.locks.request(prefix, work).catch(work);
        if (Math.abs(Date.now() - read(lease)) < lease_ms) return false;
        write(lease, Date.now());
        try {
            return await work();
        } finally {
            remove(lease);
        }
    };

    const send = async () => {
        if (busy || stopped || !queued()[0] || paused().is) return;
        busy = true;
        try {
            while (!stopped && (await alone(send_batch)));
        } finally {
            busy = false;
        }
    };

    // The answer to a beacon can't be read, so its events stay queued and are sent again. Leaving a page fires two
    // events; the same beacon goes only once.
    let last_beacon;
    const say_goodbye = () => {
        const names = next_batch();
        const {is, asked} = paused();
        if (stopped || (is && asked) || !names[0] || last_beacon == names.join()) return;
        last_beacon = names.join();
        navigator.sendBeacon(address, body(names));
    };

    addEventListener("pagehide", say_goodbye);
    document.addEventListener("visibilitychange", () => document.hidden && say_goodbye());
    addEventListener("online", () => {
        if (!paused().asked) remove(pause);
        send();
    });
    // A tick instead of a timer for each reason to send: a pause that ends, another tab that is gone, a lease that
    // is over. There is no state in which events wait and nobody looks.
    setInterval(send, tick_ms);

    if (!read(anonymous)) write(anonymous, uuid());

    activity.identify = (userId, traits) => {
        if (userId != null) write(user, String(userId));
        enqueue("identify", {traits});
    };
    activity.track = (event, properties) => enqueue("track", {event, properties});
    activity.page = (name, properties) => enqueue("page", {name, properties});
    // Who uses the browser next, on a school's computer, is somebody else.
    activity.reset = () => {
        remove(user);
        write(anonymous, uuid());
    };
};

window.activity = activity;
if (script?.dataset.key) activity.init(script.dataset);
