// What can happen to a page, its browser, the network and the server. Each scenario ends with what is stored.

import assert from "node:assert/strict";
import {randomUUID} from "node:crypto";
import {readFileSync} from "node:fs";

import {integrity, served_file} from "./minify.mjs";
import {storedRows} from "./stored.mjs";
import {holds_for, wait_until} from "./wait.mjs";

const uuid_v7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
// What a browser lets a page have in flight beyond its end, for all its requests together.
const keepalive_bytes_max = 64 * 1024;

const numbers = (count) => Array.from({length: count}, (_, n) => n);

// In the page: asks `count` questions, the first of them numbered `first`, each with `padding` characters.
const ask = (tab, run, count, {first = 0, padding = 0} = {}) =>
    tab.evaluate(([run, count, first, padding]) => {
        for (let n = first; n < first + count; n++) {
            activity.track("Question Asked", {
                courseId: "algebra-1", lectureId: "lecture-7", questionId: "q-" + n, run, n, text: "?".repeat(padding),
            });
        }
    }, [run, count, first, padding]);

const queued = (tab) => tab.evaluate(() => Object.keys(localStorage).filter((name) => name.includes(".event.")).length);

// What IndexedDB holds of the queue.
const copied = (tab, key) => tab.evaluate((key) => new Promise((resolve, reject) => {
    const opening = indexedDB.open(`activity.${key}.`);
    opening.onerror = reject;
    opening.onsuccess = () => {
        const name = `activity.${key}.event.`;
        opening.result.transaction(name).objectStore(name).count().onsuccess = ({target}) => {
            opening.result.close();
            resolve(target.result);
        };
    };
}), key);

const rows_of = async (run) => (await storedRows()).filter((row) => row.properties.run === run);

// Waits until all is stored, and holds it against what was asked: none missing, none double, none that nobody asked.
async function expect_stored(run, expected) {
    await wait_until(`${expected.length} events are stored`, async () => (await rows_of(run)).length >= expected.length);
    const rows = await rows_of(run);
    const got = rows.map((row) => row.properties.n).sort((a, b) => a - b);
    assert.deepEqual(got, expected, "stored are exactly the events that were tracked");
    assert.equal(new Set(rows.map((row) => row.message_id)).size, expected.length);
    for (const row of rows) assert.match(row.message_id, uuid_v7);
    return rows;
}

async function expect_order(rows) {
    const by_id = [...rows].sort((a, b) => (a.message_id < b.message_id ? -1 : 1)).map((row) => row.properties.n);
    assert.deepEqual(by_id, [...by_id].sort((a, b) => a - b), "message IDs grow as the events happened");
}

const expect_empty_queue = (tab) => wait_until("the queue is empty", async () => (await queued(tab)) === 0);

// The IDs in the order in which they first came.
const first_arrivals = (gate) => [...new Set(gate.batches.flatMap((request) => request.ids))];

// Each gets {browser, gate, pages, key, endpoint, run, settings, ingest}; `run` tells its events from all others.
export const scenarios = {
    async "identify, track and page, in one request without preflight"({browser, gate, pages, settings, run}) {
        const tab = await browser.open(pages.lecture(settings));
        const before = Date.now();
        const address = await tab.evaluate((run) => {
            document.cookie = "session=secret";
            activity.track("Reaction Given", {courseId: "algebra-1", lectureId: "lecture-7", reaction: "clap", run, n: 0});
            activity.identify("learner-é", {run, n: 1, plan: "free"});
            activity.page("Lecture", {run, n: 2});
            activity.track("Question Asked", {courseId: "algebra-1", lectureId: "lecture-7", questionId: "q", run, n: 3});
            return location.href;
        }, run);
        const rows = (await expect_stored(run, numbers(4))).sort((a, b) => a.properties.n - b.properties.n);
        await expect_order(rows);
        await expect_empty_queue(tab);
        assert.deepEqual(rows.map((row) => row.type), ["track", "identify", "page", "track"]);
        assert.deepEqual(rows.map((row) => row.user_id), [null, "learner-é", "learner-é", "learner-é"]);
        assert.equal(rows[3].activity, "Question Asked");
        assert.match(rows[0].anonymous_id, uuid_v7);
        assert.equal(new Set(rows.map((row) => row.anonymous_id)).size, 1);
        assert.equal(rows[1].properties.plan, "free");
        for (const {context, occurred_at} of rows) {
            assert.deepEqual(context.page, {url: address, path: "/lecture", referrer: "", title: "Lecture 7"});
            assert.deepEqual(context.library, {name: "activity.js", version: "1.0.0"});
            assert.ok(Math.abs(new Date(occurred_at) - before) < 60_000, occurred_at);
        }
        assert.equal(gate.batches.length, 1);
        assert.equal(gate.requests.filter(({method}) => method === "OPTIONS").length, 0);
        const {path, headers} = gate.batches[0];
        assert.match(path, /^\/v1\/batch\?writeKey=/);
        assert.match(headers["content-type"], /^text\/plain/);
        assert.equal(headers.cookie, undefined);

        // The learner is remembered by the next page, and forgotten by reset().
        const next = await browser.open(pages.lecture(settings));
        await next.evaluate((run) => {
            activity.page("Lecture", {run, n: 4});
            activity.reset();
            activity.page("Lecture", {run, n: 5});
        }, run);
        const [fifth, sixth] = (await expect_stored(run, numbers(6))).filter((row) => row.properties.n > 3)
            .sort((a, b) => a.properties.n - b.properties.n);
        assert.deepEqual([fifth.user_id, fifth.anonymous_id], ["learner-é", rows[0].anonymous_id]);
        assert.equal(sixth.user_id, null);
        assert.notEqual(sixth.anonymous_id, rows[0].anonymous_id);
    },

    async "the script that ingest serves sends to where it came from; init() does the same"({browser, gate, pages, key, run}) {
        const source = gate.address + "/activity/1.0.0/activity.js";
        const tab = await browser.open(pages.lecture({source, key, integrity: integrity(readFileSync(served_file))}));
        await ask(tab, run, 1);
        const other = await browser.open(pages.lecture({source}));
        await other.evaluate((key) => activity.init({key}), key);
        await ask(other, run, 1, {first: 1});
        await expect_stored(run, numbers(2));
    },

    async "twenty events go at once, and no request is too large"({browser, gate, pages, settings, run}) {
        const tab = await browser.open(pages.lecture(settings));
        await ask(tab, run, 15);
        // IDs grow although the clock is set back.
        await tab.evaluate(() => {
            const now = Date.now;
            Date.now = () => now() - 3_600_000;
        });
        await ask(tab, run, 85, {first: 15, padding: 2_000});
        const rows = await expect_stored(run, numbers(100));
        await expect_order(rows);
        await expect_empty_queue(tab);
        assert.deepEqual(first_arrivals(gate), [...first_arrivals(gate)].sort(), "sent in the order of the events");
        for (const {bytes} of gate.batches) assert.ok(bytes < keepalive_bytes_max / 2, `a request of ${bytes} bytes`);
        assert.ok(gate.batches.length > 5);
        assert.equal(gate.in_flight_max, 1);
    },

    async "reload while the network is dead"({browser, gate, pages, settings, run}) {
        const tab = await browser.open(pages.lecture(settings));
        await gate.cut();
        await ask(tab, run, 30);
        await tab.reload();
        assert.equal(await queued(tab), 30);
        await ask(tab, run, 5, {first: 30});
        await tab.reload();
        assert.equal(await queued(tab), 35);
        await gate.open();
        await expect_order(await expect_stored(run, numbers(35)));
        await expect_empty_queue(tab);
    },

    async "offline, then online: sent at once, whatever the backoff"({browser, gate, pages, settings, run}) {
        const tab = await browser.open(pages.lecture(settings));
        await browser.context.setOffline(true);
        await ask(tab, run, 3);
        const pause_ms = () => tab.evaluate(() => {
            const name = Object.keys(localStorage).find((name) => name.endsWith(".pause"));
            return name ? JSON.parse(localStorage[name])[0] - Date.now() : 0;
        });
        await wait_until("the backoff has grown", async () => (await pause_ms()) > 4_000);
        const over = Date.now() + (await pause_ms());
        await browser.context.setOffline(false);
        await wait_until("it is sent", () => gate.batches.length > 0);
        assert.ok(gate.batches[0].at < over - 1_000, "the page did not wait for the end of the backoff");
        await expect_stored(run, numbers(3));
    },

    async "tab closed while its request is held, and while the reply is"({browser, gate, pages, settings, run}) {
        for (const [round, mode] of ["hold", "hold_reply"].entries()) {
            gate.mode = mode;
            const tab = await browser.open(pages.lecture(settings));
            const before = gate.batches.length;
            await ask(tab, run, 10, {first: round * 10});
            await wait_until("the request is under way", () => gate.batches.length > before);
            const sent = gate.batches[before].ids;
            assert.equal(sent.length, 10);
            await tab.close();
            await gate.cut();
            gate.mode = "forward";
            await gate.open();
            const again = await browser.open(pages.lecture(settings));
            await expect_stored(run, numbers(round * 10 + 10));
            await expect_empty_queue(again);
            const repeated = gate.batches.slice(before + 1).flatMap(({ids}) => ids);
            for (const id of sent) assert.ok(repeated.includes(id), "sent again under the same message ID");
            await again.close();
        }
    },

    async "reply lost: sent again under the same message IDs, stored once"({browser, gate, pages, settings, run}) {
        const tab = await browser.open(pages.lecture(settings));
        gate.mode = "lose_reply";
        await ask(tab, run, 7);
        await wait_until("two attempts", () => gate.batches.length >= 2);
        assert.ok((await queued(tab)) === 7);
        gate.mode = "forward";
        await expect_empty_queue(tab);
        await expect_stored(run, numbers(7));
        assert.deepEqual(gate.batches.at(-1).ids, gate.batches[0].ids);
        assert.equal(new Set(gate.batches.flatMap(({ids}) => ids)).size, 7);
    },

    async "browser killed with events in the queue, started again on its profile"({browser, gate, pages, settings, key, run}) {
        let tab = await browser.open(pages.lecture(settings));
        await gate.cut();
        await ask(tab, run, 50);
        await wait_until("IndexedDB has them", async () => (await copied(tab, key)) === 50);
        await browser.kill();
        await browser.start();
        tab = await browser.open(pages.lecture(settings));
        await wait_until("the queue is whole again", async () => (await queued(tab)) === 50);
        await gate.open();
        await expect_order(await expect_stored(run, numbers(50)));
        await expect_empty_queue(tab);
        await wait_until("nothing is left in IndexedDB", async () => (await copied(tab, key)) === 0);
    },

    async "server fails, then is gone, then is back: backoff, and nothing lost"({browser, gate, pages, settings, run}) {
        const tab = await browser.open(pages.lecture(settings));
        gate.mode = {status: 503};
        await ask(tab, run, 25);
        await wait_until("four attempts", () => gate.batches.length >= 4);
        const at = gate.batches.map((request) => request.at);
        // At least half of 2, 4, 8 s.
        for (const [attempt, ms] of [1_000, 2_000, 4_000].entries()) {
            assert.ok(at[attempt + 1] - at[attempt] >= ms - 50, `attempt ${attempt + 1} after ${at[attempt + 1] - at[attempt]} ms`);
        }
        await gate.cut();
        await ask(tab, run, 5, {first: 25});
        gate.mode = "forward";
        await gate.open();
        await expect_stored(run, numbers(30));
        await expect_empty_queue(tab);
    },

    async "Retry-After is honoured, also by other tabs and after a reload"({browser, gate, pages, settings, run}) {
        for (const [round, status] of [503, 429].entries()) {
            const tab = await browser.open(pages.lecture(settings));
            const other = await browser.open(pages.lecture(settings));
            const before = gate.batches.length;
            gate.mode = {status, headers: {"Retry-After": "4"}};
            await ask(tab, run, 4, {first: round * 10});
            await wait_until("it was asked to wait", () => gate.batches.length > before);
            const asked_at = gate.batches[before].at;
            await wait_until("it knows", () => tab.evaluate(() => Object.keys(localStorage).some((name) => name.endsWith(".pause"))));
            gate.mode = "forward";
            await ask(other, run, 4, {first: round * 10 + 4});
            await ask(tab, run, 2, {first: round * 10 + 8});
            await tab.reload();
            await other.close();
            await expect_stored(run, numbers(round * 10 + 10));
            const waited_ms = gate.batches[before + 1].at - asked_at;
            assert.ok(waited_ms >= 4_000, `${status}: waited ${waited_ms} ms instead of 4 s`);
            await expect_empty_queue(tab);
            await tab.close();
        }
    },

    async "five tabs at once: one sends at a time, each in its order"({browser, gate, pages, settings, run}) {
        const tabs = await Promise.all(numbers(5).map(() => browser.open(pages.lecture(settings))));
        await Promise.all(tabs.map(async (tab, number) => {
            for (let part = 0; part < 10; part++) await ask(tab, run, 10, {first: number * 100 + part * 10});
        }));
        const rows = await expect_stored(run, numbers(500));
        for (const number of numbers(5)) {
            await expect_order(rows.filter((row) => Math.floor(row.properties.n / 100) === number));
        }
        await expect_empty_queue(tabs[0]);
        assert.equal(gate.in_flight_max, 1);
        const n_of = new Map(rows.map((row) => [row.message_id, row.properties.n]));
        const last = new Map();
        for (const n of first_arrivals(gate).map((id) => n_of.get(id))) {
            const number = Math.floor(n / 100);
            assert.ok(n > (last.get(number) ?? -1), "a tab's events come in their order");
            last.set(number, n);
        }
    },

    async "a tab's events are sent by another that stays open"({browser, gate, pages, settings, run}) {
        const stays = await browser.open(pages.lecture(settings));
        const goes = await browser.open(pages.lecture(settings));
        await gate.cut();
        await ask(goes, run, 8);
        await goes.close();
        await gate.open();
        await expect_stored(run, numbers(8));
        await expect_empty_queue(stays);
    },

    async "without Web Locks: three tabs share a lease"({browser, gate, pages, settings, run}) {
        const tabs = await Promise.all(numbers(3).map(() => browser.open(pages.lecture(settings, "school.test"))));
        assert.equal(await tabs[0].evaluate(() => typeof navigator.locks), "undefined");
        await Promise.all(tabs.map(async (tab, number) => {
            for (let part = 0; part < 5; part++) await ask(tab, run, 10, {first: number * 50 + part * 10});
        }));
        await expect_stored(run, numbers(150));
        await expect_empty_queue(tabs[0]);
        // A tab that dies with the lease does not keep it for ever. Whichever has it, all die.
        gate.mode = "hold";
        const before = gate.batches.length;
        await ask(tabs[0], run, 5, {first: 150});
        await wait_until("the request is under way", () => gate.batches.length > before);
        await Promise.all(tabs.map((tab) => tab.close()));
        gate.mode = "forward";
        const next = await browser.open(pages.lecture(settings, "school.test"));
        assert.ok(await next.evaluate(() => Object.keys(localStorage).some((name) => name.endsWith(".lease"))));
        await expect_stored(run, numbers(155));
        await expect_empty_queue(next);
    },

    async "beacon when the page is left; its events stay queued and are stored once"({browser, gate, pages, settings, run}) {
        const tab = await browser.open(pages.lecture(settings));
        // In one go, so that nothing but the beacon can have sent them.
        await Promise.all([
            tab.waitForURL(pages.plain),
            tab.evaluate(([run, plain]) => void setTimeout(() => {
                for (let n = 0; n < 6; n++) {
                    activity.track("Question Asked", {courseId: "algebra-1", lectureId: "lecture-7", questionId: "q-" + n, run, n});
                }
                location.href = plain;
            }), [run, pages.plain]),
        ]);
        await expect_stored(run, numbers(6));
        assert.equal(gate.batches.length, 1, "leaving is one beacon");
        assert.equal(gate.batches[0].headers["sec-fetch-mode"], "no-cors", "it was a beacon");
        assert.equal(await queued(tab), 6, "nobody has read the answer, so they are still queued");
        await tab.goto(pages.lecture(settings));
        await expect_empty_queue(tab);
        assert.deepEqual(gate.batches.at(-1).ids, gate.batches[0].ids);
        await expect_stored(run, numbers(6));

        // More than a beacon takes: as much as it does take goes, and the rest later.
        await gate.cut();
        await ask(tab, run, 100, {first: 6, padding: 1_000});
        await gate.open();
        const before = gate.batches.length;
        await tab.goto(pages.plain);
        await wait_until("the beacon is there", () => gate.batches.length > before);
        assert.ok(gate.batches[before].bytes < keepalive_bytes_max / 2);
        assert.ok(gate.batches[before].ids.length > 10);
        await tab.goto(pages.lecture(settings));
        await expect_stored(run, numbers(106));
        await expect_empty_queue(tab);
    },

    async "beacon when the tab is hidden, the same only once"({browser, gate, pages, settings, run}) {
        const tab = await browser.open(pages.lecture(settings));
        gate.mode = {status: 503};
        await tab.evaluate((run) => {
            for (let n = 0; n < 3; n++) {
                activity.track("Question Asked", {courseId: "algebra-1", lectureId: "lecture-7", questionId: "q-" + n, run, n});
            }
            // No tab is hidden in a browser without windows: what hiding does to the page is done by hand.
            Object.defineProperty(document, "hidden", {get: () => true});
            for (let time = 0; time < 3; time++) document.dispatchEvent(new Event("visibilitychange"));
        }, run);
        const beacons = () => gate.batches.filter(({headers}) => headers["sec-fetch-mode"] === "no-cors");
        await wait_until("the page itself has tried too", () => gate.batches.length > beacons().length);
        assert.equal(beacons().length, 1);
        assert.equal(beacons()[0].ids.length, 3);
        gate.mode = "forward";
        await expect_stored(run, numbers(3));
        await expect_empty_queue(tab);
    },

    async "storage forbidden: events are sent from memory"({browser, gate, pages, settings, run}) {
        const tab = await browser.open();
        await tab.addInitScript(() => {
            for (const name of ["localStorage", "indexedDB"]) {
                Object.defineProperty(window, name, {get() { throw new DOMException("forbidden", "SecurityError"); }});
            }
        });
        await tab.goto(pages.lecture(settings));
        gate.mode = "lose_reply";
        await ask(tab, run, 10);
        await wait_until("two attempts", () => gate.batches.length >= 2);
        gate.mode = "forward";
        await ask(tab, run, 20, {first: 10});
        await expect_stored(run, numbers(30));
        const attempts = gate.batches.length;
        assert.ok(await holds_for(2_500, () => gate.batches.length === attempts), "nothing is left to send");
        assert.deepEqual(await tab.evaluate(() => [activity.dropped, activity.rejected]), [0, 0]);
    },

    async "localStorage full: events wait in memory and in IndexedDB"({browser, gate, pages, settings, key, run}) {
        const tab = await browser.open(pages.lecture(settings));
        await tab.evaluate(() => {
            for (let chars = 1 << 20; chars >= 1; chars = chars === 1 ? 0 : chars >> 1) {
                try {
                    for (let i = 0; ; i++) localStorage[`ballast-${chars}-${i}`] = "x".repeat(chars);
                } catch {}
            }
        });
        await gate.cut();
        await ask(tab, run, 10);
        assert.equal(await queued(tab), 0, "localStorage took nothing");
        await wait_until("IndexedDB has them", async () => (await copied(tab, key)) === 10);
        await tab.reload();
        await gate.open();
        await ask(tab, run, 10, {first: 10});
        await expect_stored(run, numbers(20));
        await wait_until("nothing is left in IndexedDB", async () => (await copied(tab, key)) === 0);
        assert.equal(await tab.evaluate(() => activity.dropped), 0);
    },

    async "queue full: the newest are dropped and counted, the oldest kept"({browser, gate, pages, settings, run}) {
        const tab = await browser.open(pages.lecture(settings));
        await gate.cut();
        await ask(tab, run, 200, {padding: 9_000});
        const dropped = await tab.evaluate(() => activity.dropped);
        const kept = await queued(tab);
        assert.equal(kept + dropped, 200);
        assert.ok(kept > 90 && dropped > 90, `${kept} kept, ${dropped} dropped`);
        // Neither one that is too large, nor one that is no JSON, harms the page or the queue.
        assert.equal(await tab.evaluate(() => {
            const circle = {};
            circle.circle = circle;
            activity.track("Question Asked", {text: "x".repeat(40_000)});
            activity.track("Question Asked", circle);
            return activity.dropped;
        }), dropped + 2);
        await gate.open();
        await expect_order(await expect_stored(run, numbers(kept)));
        await expect_empty_queue(tab);
        await ask(tab, run, 1, {first: kept});
        await expect_stored(run, numbers(kept + 1));
    },

    async "refused events leave the queue, and the others are stored"({browser, gate, pages, settings, run}) {
        const tab = await browser.open(pages.lecture(settings));
        await gate.cut();
        await ask(tab, run, 20);
        await tab.evaluate(() => {
            activity.track("", {});  // refused by a verdict of its own
            activity.track("Question Asked", {at: 2 ** 65});  // an integer that no 64 bits hold: the whole body is refused
        });
        await ask(tab, run, 20, {first: 20});
        await gate.open();
        await expect_stored(run, numbers(40));
        await expect_empty_queue(tab);
        assert.equal(await tab.evaluate(() => activity.rejected), 2);
        assert.ok(gate.batches.some(({status}) => status === 400), "a whole body was refused, or this proves nothing");
    },

    async "wrong key: stops sending, keeps the queue"({browser, gate, pages, settings, run}) {
        const wrong = await browser.open(pages.lecture({...settings, key: "not-" + randomUUID()}));
        await ask(wrong, "wrong", 3);
        await wait_until("it is refused", () => gate.batches[0]?.status === 401);
        await ask(wrong, "wrong", 30, {first: 3});
        assert.ok(await holds_for(4_000, () => gate.batches.length === 1), "no second attempt");
        assert.equal(await queued(wrong), 33);
        await wrong.close();

        // A source that was switched off, and is switched on again before the page is opened the next time.
        const tab = await browser.open(pages.lecture(settings));
        const before = gate.batches.length;
        gate.mode = {status: 403};
        await ask(tab, run, 5);
        await wait_until("it is refused", () => gate.batches.length > before);
        gate.mode = "forward";
        assert.ok(await holds_for(2_500, () => gate.batches.length === before + 1), "no second attempt");
        await tab.reload();
        await expect_stored(run, numbers(5));
    },

    // Needs somebody who kills ingest and starts it again: ingest.{kill,start}.
    async "ingest killed with requests in flight, and started again"({browser, gate, pages, settings, run, ingest}) {
        if (!ingest) return "skipped: nobody here restarts ingest";
        const tab = await browser.open(pages.lecture(settings));
        let asked = 0;
        const keep_asking = async (count) => {
            for (let part = 0; part < count; part++) await ask(tab, run, 10, {first: 10 * asked++});
        };
        await keep_asking(5);
        await Promise.all([ingest.kill(), keep_asking(20)]);
        await keep_asking(5);
        assert.ok((await queued(tab)) >= 50);
        await ingest.start();
        await expect_order(await expect_stored(run, numbers(asked * 10)));
        await expect_empty_queue(tab);
    },
};
