// What the drivers share: their settings, the packages, content that breaks such pipelines, what they report.
import { createRequire } from 'node:module';
import { randomUUID } from 'node:crypto';

function setting(name) {
    const value = process.env[name];
    if (!value) throw new Error(`${name} is not set: run.mjs starts the drivers`);
    return value;
}

export const ingest_url = setting('INGEST_URL');
export const write_key = setting('WRITE_KEY');
/// What goes wrong in this run on purpose; empty if nothing does.
export const fault = process.env.FAULT ?? '';
/// The packages lie outside the checkout, where an import of a file in it does not look.
export const packages_dir = setting('SDKS_DIR');
export const from_packages = createRequire(`${packages_dir}/package.json`);

/// Different in every run, so that the rows of two runs are never mistaken for each other.
const run = randomUUID().slice(0, 8);
export const user = `learner Größe 🎓 ${run}`;
export const other_user = `learner O'Neill;-- ${run}`;
export const device = `device ${run}`;

/// A new object every time: some SDKs write into what they are given.
export function unusual() {
    return {
        text: 'Größe 数学 🎓 e\u0301 \u2028 \ufeff "\'`\\ \t\n \u0001 %s $1 </script> {"a":1} \\N \\.',
        'a key.with "quotes" 🔑': '',
        none: null,
        yes: true,
        half: 0.5,
        small: 1e-7,
        negative: -9007199254740991,
        nested: { list: [1, [2, { three: '3' }], []], empty: {}, deep: { a: { b: { c: [{}] } } } },
        when: new Date('2026-02-28T23:59:59.999Z'),
        courseId: 'course-数学',
    };
}

/// As JSON makes it of a value: what must be in the row.
export const as_json = (value) => JSON.parse(JSON.stringify(value));

/// What an SDK that leaves out nulls makes of a value.
export function without_nulls(value) {
    if (Array.isArray(value)) return value.map(without_nulls);
    if (value === null || typeof value !== 'object') return value;
    const members = Object.entries(value).filter(([, member]) => member !== null);
    return Object.fromEntries(members.map(([name, member]) => [name, without_nulls(member)]));
}

/// An app's own time for something that happened a while ago.
export const an_hour_ago = () => new Date(Date.now() - 3600_000);

/// Waits for a condition, never for time.
export async function wait_until(description, condition, timeout_ms = 60_000) {
    const end = Date.now() + timeout_ms;
    while (!(await condition())) {
        if (Date.now() > end) throw new Error(`waited ${timeout_ms} ms in vain: ${description}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

const rows = [];

/// A row that must be there, once. Members are the columns of analytics.event, compared as they are;
/// properties_include, context_include and extra_include need only be contained; occurred_at may be ten
/// seconds off, as retries move it; a column that is not a member may hold anything.
export function expect_row(row) {
    rows.push({ occurred_at: new Date(), ...row });
}

/// The driver's last line of output. Resolves when the rows have been looked for: what a browser sends at the end of
/// a page nobody can see leaving, so the browser has to stay for as long.
export async function report() {
    console.log(JSON.stringify({ rows }));
    await new Promise((resolve) => process.stdin.on('end', resolve).resume());
}
