// The browser client's tests, in real Chromium against a real pipeline.
//
//   INGEST_URL=http://127.0.0.1:8080 WRITE_KEY=… DATABASE_URL=postgresql://… node run.mjs [words of a scenario's name]
//
// The key's source must allow the origins http://127.0.0.1:* and http://school.test:*. With INGEST_RESTARTS=1, the line
// "kill ingest" asks whoever reads the output to kill ingest, "start ingest" to start it on the same address; ingest's
// address itself says when that is done. CHROMIUM names another browser than /usr/bin/chromium.

import {randomUUID} from "node:crypto";

import {Browser} from "./browser.mjs";
import {Gate} from "./gate.mjs";
import {check} from "./minify.mjs";
import {Pages} from "./pages.mjs";
import {scenarios} from "./scenarios.mjs";
import {wait_until} from "./wait.mjs";

for (const name of ["INGEST_URL", "WRITE_KEY", "DATABASE_URL"]) {
    if (!process.env[name]) {
        console.error(`${name} is not set`);
        process.exit(2);
    }
}
const {INGEST_URL: target, WRITE_KEY: key} = process.env;

const is_up = () => fetch(target + "/health").then(() => true, () => false);
const ingest = process.env.INGEST_RESTARTS && {
    async kill() {
        console.log("kill ingest");
        await wait_until("ingest is gone", async () => !(await is_up()));
    },
    async start() {
        console.log("start ingest");
        await wait_until("ingest is back", is_up);
    },
};

let failed = 0;
async function report(name, test) {
    const began = Date.now();
    try {
        const note = await test();
        console.log(`ok      ${name} (${Date.now() - began} ms)${note ? ": " + note : ""}`);
    } catch (error) {
        failed++;
        console.log(`FAILED  ${name} (${Date.now() - began} ms): ${error.stack}`);
    }
}

async function play(scenario) {
    const pages = await new Pages().open();
    const gate = await new Gate(target).open();
    const browser = new Browser();
    try {
        await browser.start();
        const settings = {key, endpoint: gate.address};
        const note = await scenario({browser, gate, pages, key, settings, run: randomUUID(), ingest});
        if (browser.page_errors.length > 0) throw new Error("in a page: " + browser.page_errors.join("; "));
        return note;
    } finally {
        await browser.end();
        pages.close();
        await gate.cut();
    }
}

const wanted = process.argv.slice(2).join(" ");
await report("activity.min.js is what the source gives", async () => check());
for (const [name, scenario] of Object.entries(scenarios)) {
    if (name.includes(wanted)) await report(name, () => play(scenario));
}
process.exit(failed ? 1 : 0);
