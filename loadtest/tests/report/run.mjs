// The report in a real Chromium, offline: wide and on a phone, light and dark, and on paper.
//
//   node run.mjs                the pages of samples/, put together from loadtest/report
//   node run.mjs FILE.html …    finished pages, as `activity-loadtest report` writes them
//
// With REPORT_SHOTS=DIRECTORY, pictures of all of them and their PDFs are left there. CHROMIUM names another browser
// than /usr/bin/chromium.

import {createHash} from "node:crypto";
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {basename, dirname, join, resolve} from "node:path";
import {fileURLToPath, pathToFileURL} from "node:url";

import {Browser} from "../../../ingest/tests/browser/browser.mjs";
import {checks} from "./checks.mjs";
import {page_of} from "./page.mjs";
import {file_of, samples} from "./samples.mjs";

const uplot = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "report", "uplot");
const shots = process.env.REPORT_SHOTS;

let passed = 0, failed = 0;
async function report(name, test) {
    const began = Date.now();
    try {
        await test();
        passed++;
        console.log(`ok      ${name} (${Date.now() - began} ms)`);
    } catch (error) {
        failed++;
        console.log(`FAILED  ${name} (${Date.now() - began} ms): ${error.stack}`);
    }
}

// A tab that nothing can hide from: whatever the page complains of or asks the network for is in `complaints`.
async function open(browser, file, {width, height, theme}) {
    const tab = await browser.open();
    const address = pathToFileURL(file).href;
    const complaints = [];
    tab.on("pageerror", (error) => complaints.push(`error: ${error.stack}`));
    tab.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(`console: ${message.text()}`));
    tab.on("request", (request) => request.url() !== address && !request.url().startsWith("data:") && complaints.push(`request: ${request.url()}`));
    await tab.setViewportSize({width, height});
    await tab.emulateMedia({colorScheme: theme});
    await tab.goto(address);
    return {tab, complaints};
}

const directory = mkdtempSync(join(tmpdir(), "activity-report-"));
const browser = new Browser();
try {
    let files = process.argv.slice(2).map((file) => resolve(file));
    if (files.length === 0) {
        await report("uPlot's files are those of its README", async () => {
            const readme = readFileSync(join(uplot, "README.md"), "utf8");
            for (const name of ["uPlot.iife.min.js", "uPlot.min.css", "LICENSE"]) {
                const hash = createHash("sha256").update(readFileSync(join(uplot, name))).digest("hex");
                if (!readme.includes(`| \`${name}\` | \`${hash}\` |`)) throw new Error(`${name} has ${hash}`);
            }
        });
        await report("the samples are what samples.mjs makes", async () => {
            for (const [name, json] of Object.entries(samples)) {
                if (readFileSync(file_of(name), "utf8") !== json) throw new Error(`${name}.json is another: node samples.mjs`);
            }
        });
        files = Object.keys(samples).map((name) => {
            const file = join(directory, name + ".html");
            writeFileSync(file, page_of(readFileSync(file_of(name), "utf8")));
            return file;
        });
    }
    if (shots) mkdirSync(shots, {recursive: true});

    await browser.start();
    await browser.context.setOffline(true);
    for (const file of files) {
        for (const [width, height] of [[1280, 900], [360, 760]]) {
            for (const theme of ["light", "dark"]) {
                const name = `${basename(file, ".html")}-${width}-${theme}`;
                const {tab, complaints} = await open(browser, file, {width, height, theme});
                if (shots) {
                    const style = await tab.addStyleTag({content: "html{scrollbar-width:none}"});
                    await tab.screenshot({path: join(shots, name + ".png"), fullPage: true});
                    await style.evaluate((element) => element.remove());
                }
                for (const [what, check] of Object.entries(checks)) await report(`${name}: ${what}`, () => check(tab, {width, height, theme}));
                if (shots && width > 1000 && theme === "dark") await tab.pdf({path: join(shots, basename(file, ".html") + ".pdf"), preferCSSPageSize: true, format: "A4"});
                await report(`${name}: it complains of nothing and asks the network for nothing`, async () => {
                    if (complaints.length > 0) throw new Error(complaints.join("\n"));
                });
                await tab.close();
            }
        }
    }
} finally {
    await browser.end();
    rmSync(directory, {recursive: true, force: true});
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
