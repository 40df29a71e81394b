// Makes samples/*.json: runs as activity-loadtest writes them, from a seed, so that the report can be worked on and
// tested without a pipeline.
//
//   node samples.mjs

import {writeFileSync} from "node:fs";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";

const directory = join(dirname(fileURLToPath(import.meta.url)), "samples");

// mulberry32: the same numbers everywhere.
function random_of(seed) {
    return () => {
        seed = (seed + 0x6d2b79f5) | 0;
        let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

const round = (value, digits = 0) => Number(value.toFixed(digits));
const range = (count, make) => Array.from({length: count}, (_, i) => make(i));

// Percentiles as HDR histograms print them: half as far to 100 with every few steps.
function percentiles(count) {
    const list = [];
    for (let left = 100; left > 100 / count; left /= 2) {
        for (let step = 0; step < 5; ++step) list.push(round(100 - left + (left / 2) * (step / 5), 7));
    }
    return [...list, 100];
}

// A latency's distribution through four points, between them nearly straight on the axis 1/(1-p).
function latency_of(count, [p50, p99, p999, max]) {
    const depth = (p) => Math.log10(1 / (1 - Math.min(p, 1 - 1 / count)));
    const anchors = [[0, p50 * 0.45], [depth(0.5), p50], [2, p99], [3, p999]].filter(([x]) => x < depth(1)).concat([[depth(1), max]]);
    const at = (p) => {
        const x = depth(p);
        const next = Math.max(1, anchors.findIndex(([anchor]) => anchor >= x));
        const [x0, y0] = anchors[next - 1], [x1, y1] = anchors[next];
        const share = (x - x0) / (x1 - x0);
        return Math.round(y0 * (y1 / y0) ** (share + Math.sin(share * 2 * Math.PI) * 0.09));
    };
    return {
        latency_us: {count, mean: Math.round(p50 * 1.25), p50, p90: at(0.9), p99, p999, max},
        curve: percentiles(count).map((p) => [p, at(p / 100)]),
    };
}

// phases: {name, kind, duration_s, per_s, latency: [p50, p99, p99.9, max] in us, share (acknowledged of offered), …}
function run_of({seed, settings, phases, marks = [], groups = [], processes = [], disturbed = () => 1, ...rest}) {
    const random = random_of(seed);
    const noise = (share) => 1 + (random() + random() + random() - 1.5) * share;
    let begin_s = 0;
    const seconds = {at_s: [], offered: [], acknowledged: [], refused: [], errors: [], p50_us: [], p99_us: [], p999_us: [], max_us: []};
    const made = phases.map(({name, kind, duration_s, per_s, latency, share = 1, errors = () => 0, counts = {}, ...more}) => {
        const end_s = begin_s + duration_s;
        let offered = 0, acknowledged = 0, refused = 0;
        for (let at = begin_s; at < end_s; ++at) {
            const factor = disturbed(at);
            const due = Math.round(per_s * noise(0.03));
            const failed = Math.min(due, errors(at));
            const out = Math.round(due * 0.001 * noise(0.5));
            const taken = Math.max(0, Math.round((due - failed - out) * share * (factor > 20 ? 0.82 : 1)));
            const silent = taken === 0;
            seconds.at_s.push(at);
            seconds.offered.push(due);
            seconds.acknowledged.push(taken);
            seconds.refused.push(out);
            seconds.errors.push(failed);
            const of = (us, spread) => Math.min(4_990_000, Math.round(us * factor * noise(spread)));
            let least = 0;
            const values = [[latency[0], 0.12], [latency[1] * 0.8, 0.3], [latency[2] * 0.75, 0.4], [latency[3] * 0.6, 0.5]].map(([us, spread]) => (least = Math.max(least, of(us, spread))));
            ["p50_us", "p99_us", "p999_us", "max_us"].forEach((key, i) => seconds[key].push(silent ? null : values[i]));
            offered += due;
            acknowledged += taken;
            refused += out;
        }
        const phase = {
            name, kind, begin_s, end_s, offered_per_s: per_s, acknowledged_per_s: round(acknowledged / duration_s, 1),
            ...latency_of(acknowledged, latency),
            counts: {
                offered, acknowledged, refused, refused_unexpected: 0, accepted_unexpected: 0, unknown: offered - acknowledged - refused,
                retries: 12, status_429: 0, status_503: 12, lost: 0, timed_out: 0, duplicates: Math.round(offered * 0.01), ...counts,
            },
            valid: true, why_invalid: "", generator: {lateness_p99_us: Math.round(120 * noise(0.6)), cpu_share: round(0.06 + per_s / 60000, 3)},
            held: true, why_not: "", ...more,
        };
        begin_s = end_s;
        return phase;
    });
    const every = (step_s, make) => {
        const at_s = range(Math.floor(begin_s / step_s) + 1, (i) => i * step_s);
        return {at_s, ...Object.fromEntries(Object.entries(make).map(([key, f]) => [key, at_s.map((at) => f(at, noise))]))};
    };
    const started = Date.parse("2026-11-22T04:00:00.000Z");
    return {
        format: "activity-loadtest/1",
        started_at: new Date(started).toISOString(),
        ended_at: new Date(started + begin_s * 1000).toISOString(),
        command: `activity-loadtest run --preset ${settings.preset} --seed ${settings.seed} --target ${settings.target} --ledger run.ledger --report report.html`,
        settings,
        versions: {"activity-loadtest": "0.1.0", kafka: "3.9.1", postgresql: "15.14", kernel: "6.1"},
        machine: {cpu: "AMD EPYC 9B14", cores: 2, memory_bytes: 25769803776},
        phases: made,
        seconds,
        groups: groups.map(({name, ...make}) => ({name, ...every(2, make)})),
        processes: processes.map(({name, ...make}) => ({name, ...every(2, make)})),
        marks,
        ...rest,
    };
}

const settings = {
    target: "http://127.0.0.1:8080", preset: "10x", seed: 1, threads: 1, connections: 64, loop: "open", spacing: "poisson",
    timeout_ms: 5000, batch: 1, gzip_share: 0, duplicates_share: 0.01, late_share: 0.01, bad_share: 0.001, learners: 20000, courses: 200,
};
const mib = 1024 * 1024;

// How much of the 10x rate is offered at a time in the passed run.
const load = (at) => (at < 60 ? 0.1 : at < 150 ? 1 : at < 250 ? [1, 1.2, 1.4, 1.6, 1.8][Math.floor((at - 150) / 20)] : 1);
// What a group's lag does after a fault: up as long as it lasts, then down.
const bump = (at, from, to, height) =>
    at < from ? 0 : at < to ? (height * (at - from)) / (to - from) : height * Math.exp(-(at - to) / 4);
const worker = (name, cost, memory) => ({
    name, cores: (at, noise) => round(cost * load(at) * noise(0.2), 3),
    rss_bytes: (at, noise) => Math.round((memory + at * 0.02) * noise(0.01)) * mib,
});
const group = (name, base, height) => ({
    name,
    lag: (at, noise) => Math.round(base * load(at) * noise(0.8) + bump(at, 262, 270, height) + bump(at, 210, 250, height / 4)),
    freshness_s: (at, noise) => round((0.12 + base / 9000) * noise(0.5) + bump(at, 262, 270, height / 2600) + bump(at, 210, 250, height / 9000), 2),
});

const step = (per_s, latency, more) => ({name: `${per_s.toLocaleString("en-US")}/s`, kind: "knee", duration_s: 20, per_s, latency, ...more});
const passed = run_of({
    seed: 1, settings,
    phases: [
        {name: "1x", kind: "hold", duration_s: 60, per_s: 1500, latency: [700, 3100, 8000, 15000]},
        {name: "10x", kind: "hold", duration_s: 90, per_s: 15000, latency: [1100, 8000, 21000, 64000]},
        step(15000, [1100, 8200, 22000, 60000]),
        step(18000, [1500, 14000, 34000, 80000]),
        step(21000, [2300, 41000, 76000, 130000]),
        step(24000, [9000, 180000, 260000, 410000], {held: false, why_not: "p99 180 ms, more than 50 ms"}),
        step(27000, [84000, 640000, 880000, 1240000], {
            share: 0.91, held: false, why_not: "p99 640 ms, more than 50 ms", valid: false,
            why_invalid: "the generator sent 1 % of its requests more than 20 ms late", generator: {lateness_p99_us: 24300, cpu_share: 0.94},
        }),
        {name: "10x with faults", kind: "chaos", duration_s: 50, per_s: 15000, latency: [1200, 32000, 210000, 1900000], counts: {status_503: 2140, retries: 2152}},
    ],
    disturbed: (at) => (at >= 280 && at < 284 ? 30 : at >= 262 && at < 264 ? 3 : 1),
    marks: [
        {at_s: 262.3, text: "worker-1 killed"}, {at_s: 270, text: "worker-1 back"},
        {at_s: 280.1, text: "broker stopped"}, {at_s: 284, text: "broker back"},
    ],
    groups: [group("records", 220, 21000), group("rollups", 160, 14000), group("leaderboard", 90, 6000), group("live", 40, 1500)],
    processes: [
        worker("ingest", 0.26, 64), worker("worker-1", 0.12, 92), worker("worker-2", 0.11, 90),
        worker("kafka", 0.18, 910), worker("postgres", 0.19, 410), worker("activity-loadtest", 0.09, 38),
    ],
    knee: {
        per_s: 21000, limit: "p99 ≤ 50 ms and nothing lost", why: "p99 180 ms at 24,000/s",
        points: [
            {per_s: 15000, acknowledged_per_s: 14990, p50_us: 1100, p99_us: 8200, held: true},
            {per_s: 18000, acknowledged_per_s: 17985, p50_us: 1500, p99_us: 14000, held: true},
            {per_s: 21000, acknowledged_per_s: 20981, p50_us: 2300, p99_us: 41000, held: true},
            {per_s: 24000, acknowledged_per_s: 23940, p50_us: 9000, p99_us: 180000, held: false},
            {per_s: 27000, acknowledged_per_s: 24570, p50_us: 84000, p99_us: 640000, held: false},
        ],
    },
    ledger: {
        entries: 4290512, acknowledged: 4237290, refused: 4291, unknown: 48931, unknown_stored: 21044, lost: 0, double: 0,
        never_sent: 0, refused_stored: 0, stored: 4258334, took_s: 41.7,
        counters: [
            {group: "records", what: "rows", expected: 4258334, found: 4258334, differences: 0},
            {group: "rollups", what: "events by activity", expected: 4258334, found: 4258334, differences: 0},
            {group: "leaderboard", what: "points by learner", expected: 18402, found: 18402, differences: 0},
        ],
        examples: {lost: [], double: [], never_sent: [], refused_stored: []},
    },
    verdict: {passed: true, text: "10× held: 15,000 events/s for 90 s, p99 8 ms, lost 0, double 0"},
});

const failed = run_of({
    seed: 2, settings: {...settings, loop: "closed", seed: 2, batch: 20},
    phases: [
        {name: "1x", kind: "hold", duration_s: 30, per_s: 1500, latency: [720, 3300, 9000, 21000]},
        {
            name: "10x", kind: "hold", duration_s: 90, per_s: 15000, latency: [1900, 74000, 310000, 4900000],
            errors: (at) => (at >= 70 && at < 76 ? 15000 : at >= 76 && at < 84 ? 2600 : 0),
            counts: {lost: 37, timed_out: 412, refused_unexpected: 3, accepted_unexpected: 1, status_429: 8800, status_503: 90214, retries: 99014},
            held: false, why_not: "37 events lost; p99 74 ms, more than 50 ms",
        },
    ],
    disturbed: (at) => (at >= 68 && at < 90 ? 12 : 1),
    marks: [{at_s: 68, text: "postgres killed"}, {at_s: 69.5, text: "broker-2 cut from its network"}, {at_s: 82.2, text: "postgres back"}],
    groups: [
        {name: "records", lag: (at, noise) => Math.round(200 * noise(0.8) + bump(at, 68, 88, 190000)), freshness_s: (at, noise) => round(0.2 * noise(0.5) + bump(at, 68, 88, 20), 2)},
        {name: "rollups", lag: (at, noise) => Math.round(150 * noise(0.8) + bump(at, 68, 92, 240000)), freshness_s: (at, noise) => round(0.2 * noise(0.5) + bump(at, 68, 92, 24), 2)},
    ],
    processes: [worker("ingest", 0.5, 70), worker("worker-1", 0.6, 110)],
    knee: null,
    ledger: {
        entries: 1362911, acknowledged: 1260442, refused: 1365, unknown: 101104, unknown_stored: 61120, lost: 37, double: 2,
        never_sent: 0, refused_stored: 1, stored: 1321528, took_s: 14.2,
        counters: [
            {group: "records", what: "rows", expected: 1321562, found: 1321528, differences: 34},
            {group: "rollups", what: "events by activity", expected: 1321562, found: 1321528, differences: 21},
        ],
        examples: {
            lost: ["018f3a52-7c1e-7b02-9f6e-2d1c8a4b9e01", "018f3a52-7c1f-7d8a-8a11-5be0f2c3d702", "018f3a52-7c23-70f4-b3c9-91aa03de4403"],
            double: ["018f3a52-7d02-7e61-9c0d-6f2e1b7a8804", "018f3a52-7d02-7e61-9c0d-6f2e1b7a8805"], never_sent: [],
            refused_stored: ["018f3a52-7e40-7a33-8d55-0c9b7e6f1a06"],
        },
    },
    verdict: {passed: false, text: "10× failed: 37 events lost, 2 stored twice, p99 74 ms at 15,000 events/s"},
});

const minimal = run_of({
    seed: 3, settings: {target: "http://127.0.0.1:8080", preset: "smoke", seed: 3},
    phases: [{name: "smoke", kind: "hold", duration_s: 10, per_s: 20, latency: [640, 2100, 2300, 2400]}],
    knee: null, ledger: null,
    verdict: {passed: true, text: "Smoke held: 20 events/s for 10 s, p99 2.1 ms"},
});

export const samples = Object.fromEntries(Object.entries({passed, failed, minimal}).map(([name, run]) => [name, JSON.stringify(run) + "\n"]));
export const file_of = (name) => join(directory, name + ".json");

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    for (const [name, json] of Object.entries(samples)) writeFileSync(file_of(name), json);
}
