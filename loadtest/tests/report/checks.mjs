// What has to be true of a report, whatever run it shows. Each check leaves the page as it found it.

import assert from "node:assert/strict";

import {wait_until} from "../../../ingest/tests/browser/wait.mjs";

const read_run = (tab) => tab.evaluate(() => JSON.parse(document.getElementById("run").textContent));
const plain = (text) => text.replaceAll("\u00a0", " ").trim();
const known = (values) => Array.isArray(values) && values.some((value) => typeof value === "number");

// The plots that a run has to have, and no others.
function plots_of(run) {
    const {seconds} = run;
    const any = (list, key) => (list ?? []).some((item) => known(item[key]));
    return Object.entries({
        rate: known(seconds.offered) || known(seconds.acknowledged),
        latency: known(seconds.p99_us),
        distribution: run.phases.some((phase) => (phase.curve ?? []).length > 1),
        lag: any(run.groups, "lag"),
        freshness: any(run.groups, "freshness_s"),
        cpu: any(run.processes, "cores"),
        memory: any(run.processes, "rss_bytes"),
        knee: (run.knee?.points ?? []).length > 0,
    }).filter(([, there]) => there).map(([id]) => id);
}

// A hash of a plot's pixels, and how many colours it has.
const picture = (tab, id) => tab.evaluate((name) => {
    const canvas = document.querySelector(`#${name} canvas`);
    // Read from a copy: Chromium warns of reading a canvas that is drawn to.
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {willReadFrequently: true});
    copy.drawImage(canvas, 0, 0);
    const {data} = copy.getImageData(0, 0, canvas.width, canvas.height);
    const colors = new Set();
    let hash = 0;
    for (const pixel of new Uint32Array(data.buffer)) {
        colors.add(pixel);
        hash = (Math.imul(hash, 31) + pixel) | 0;
    }
    return {hash, colors: colors.size, width: canvas.width};
}, id);

async function changes(tab, id, description, act) {
    const {hash} = await picture(tab, id);
    await act();
    await wait_until(`the plot ${id} ${description}`, async () => (await picture(tab, id)).hash !== hash, 10_000);
}

export const checks = {
    async "the verdict is its first line"(tab) {
        const {verdict} = await read_run(tab);
        assert.equal(plain(await tab.locator("h1").innerText()), verdict.text);
        assert.equal(plain(await tab.locator(".verdict .state").innerText()), verdict.passed ? "Passed" : "Failed");
        assert.ok(await tab.locator("h1").isVisible());
        assert.equal(await tab.title(), `${verdict.passed ? "Passed" : "Failed"}: ${verdict.text}`);
    },

    async "it has what the run has, and nothing else"(tab) {
        const run = await read_run(tab);
        const ids = await tab.evaluate(() => [...document.querySelectorAll("section")].map((section) => section.id));
        assert.deepEqual(ids, ["phases", ...plots_of(run), ...(run.ledger ? ["ledger"] : []), "all-figures", "settings", "machine", "command"]);
        assert.equal(await tab.locator("#phases .phase").count(), run.phases.length);
        assert.equal(await tab.locator(".marks li").count(), run.marks.length);
        const names = await tab.locator("#phases .name dd").allInnerTexts();
        run.phases.forEach((phase, i) => assert.ok(plain(names[i]).startsWith(phase.name), `${names[i]} is not ${phase.name}`));
        assert.equal(plain(await tab.locator("#command code").innerText()), run.command);
    },

    async "no value shows through that is none"(tab) {
        const text = await tab.evaluate(() => document.getElementById("report").innerText + [...document.querySelectorAll("[aria-label]")].map((element) => element.ariaLabel).join("\n"));
        assert.doesNotMatch(text, /undefined|NaN|\bnull\b|\[object|\bInfinity\b|\/\*@/);
    },

    async "each plot has a size, lines and words"(tab) {
        const run = await read_run(tab);
        const plots = await tab.evaluate(() => [...document.querySelectorAll(".plotted")].map((section) => {
            const {width, height} = section.querySelector("canvas")?.getBoundingClientRect() ?? {width: 0, height: 0};
            return {id: section.id, width, height, label: section.querySelector("[role=img]").ariaLabel};
        }));
        assert.deepEqual(plots.map(({id}) => id), plots_of(run));
        for (const {id, width, height, label} of plots) {
            assert.ok(width >= 300 && height >= 150, `${id} has ${width} × ${height}`);
            assert.match(label, /\d/, `${id} says nothing: ${label}`);
            const {colors} = await picture(tab, id);
            assert.ok(colors > 8, `${id} has ${colors} colours only`);
        }
    },

    async "nothing sticks out at the side"(tab, {width}) {
        const found = await tab.evaluate(() => {
            const wide = document.documentElement.clientWidth;
            const out = [...document.querySelectorAll("body *")].filter((element) => {
                if (element.closest(".scroll, svg") && !element.matches(".scroll")) return false;
                const {left, right, width} = element.getBoundingClientRect();
                return width > 0 && (left < -0.5 || right > wide + 0.5);
            });
            return {page: document.documentElement.scrollWidth, wide, out: out.slice(0, 5).map((element) => element.outerHTML.slice(0, 120))};
        });
        assert.ok(found.page <= found.wide, `the page is ${found.page} px wide in ${found.wide}`);
        assert.deepEqual(found.out, [], `sticks out at ${width} px`);
    },

    async "it has headings, captions and names for everything"(tab) {
        const unnamed = await tab.evaluate(() => ({
            h1: document.querySelectorAll("h1").length,
            sections: [...document.querySelectorAll("section")].filter((section) => !document.getElementById(section.getAttribute("aria-labelledby"))).length,
            tables: [...document.querySelectorAll("table")].filter((table) => !table.caption || !table.querySelector("th[scope=row]")).length,
            buttons: [...document.querySelectorAll("button:not([hidden])")].filter((button) => !button.innerText.trim() && !button.ariaLabel).length,
        }));
        assert.deepEqual(unnamed, {h1: 1, sections: 0, tables: 0, buttons: 0});
    },

    async "the cursor is in all plots over time"(tab) {
        const over = tab.locator("#rate .u-over");
        await over.scrollIntoViewIfNeeded();
        const {x, y, width, height} = await over.boundingBox();
        const idle = await tab.locator(".plotted:has(.reset) .readout").allInnerTexts();
        await tab.mouse.move(x + width * 0.5, y + height * 0.6);
        await wait_until("all legends say the time", async () =>
            (await tab.locator(".plotted:has(.reset) .readout").allInnerTexts()).every((text) => /^\d+:\d\d/.test(text)), 10_000);
        await tab.mouse.move(1, 1);
        await wait_until("all legends are as before", async () =>
            (await tab.locator(".plotted:has(.reset) .readout").allInnerTexts()).join() === idle.join(), 10_000);
    },

    async "the keyboard moves the cursor"(tab) {
        const plot = tab.locator("#rate [role=img]");
        await plot.press("ArrowRight");
        await wait_until("the legend says the first second", async () => (await tab.locator("#rate .readout").innerText()).startsWith("0:00"), 10_000);
        await plot.press("Escape");
        await wait_until("the legend says no time", async () => !/^\d/.test(await tab.locator("#rate .readout").innerText()), 10_000);
    },

    async "a series can be switched off"(tab) {
        const button = tab.locator("#latency .legend button").first();
        await button.scrollIntoViewIfNeeded();
        await changes(tab, "latency", "loses a line", () => button.click());
        assert.equal(await button.getAttribute("aria-pressed"), "false");
        await button.click();
        assert.equal(await button.getAttribute("aria-pressed"), "true");
        await tab.mouse.move(1, 1);
    },

    async "a part can be looked at closely"(tab) {
        const over = tab.locator("#rate .u-over");
        await over.scrollIntoViewIfNeeded();
        const {x, y, width, height} = await over.boundingBox();
        await changes(tab, "latency", "shows the part, too", async () => {
            await tab.mouse.move(x + width * 0.3, y + height / 2);
            await tab.mouse.down();
            await tab.mouse.move(x + width * 0.6, y + height / 2, {steps: 4});
            await tab.mouse.up();
        });
        await changes(tab, "latency", "shows the whole run again", () => tab.locator("#rate .reset").click());
        assert.equal(await tab.locator(".reset:visible").count(), 0);
        await tab.mouse.move(1, 1);
    },

    async "the other theme changes the plots, too"(tab, {theme}) {
        const paper = () => tab.evaluate(() => getComputedStyle(document.body).backgroundColor);
        const shade = (color) => Number(/\d+/.exec(color)[0]);
        const before = await paper();
        assert.ok(theme === "dark" ? shade(before) < 40 : shade(before) > 220, `${theme} is ${before}`);
        await changes(tab, "rate", "takes the other colours", () => tab.locator(".theme").click());
        assert.notEqual(await paper(), before);
        await changes(tab, "rate", "takes its colours back", () => tab.locator(".theme").click());
        assert.equal(await paper(), before);
        await changes(tab, "rate", "follows the system", () => tab.emulateMedia({colorScheme: theme === "dark" ? "light" : "dark"}));
        await tab.emulateMedia({colorScheme: theme});
        await wait_until("the page follows the system back", async () => (await paper()) === before, 10_000);
    },

    async "the plots follow the window's width"(tab, {width, height}) {
        const plot_width = () => tab.evaluate(() => document.querySelector("#rate canvas").getBoundingClientRect().width);
        const before = await plot_width();
        await tab.setViewportSize({width: width + 200, height});
        await wait_until("the plot is wider or the page has its greatest width", async () => (await plot_width()) > before + 20 || width >= 1240, 10_000);
        await tab.setViewportSize({width, height});
        await wait_until("the plot has its width again", async () => Math.abs((await plot_width()) - before) < 1, 10_000);
    },

    async "paper is light and sharp"(tab, {theme}) {
        const screen = await picture(tab, "rate");
        await tab.emulateMedia({media: "print", colorScheme: theme});
        await wait_until("the plot is drawn for paper", async () => (await picture(tab, "rate")).width >= 1600, 10_000);
        const paper = await tab.evaluate(() => ({
            color: getComputedStyle(document.body).color,
            shown: document.querySelector("#rate canvas").getBoundingClientRect().width,
        }));
        assert.equal(paper.color, "rgb(23, 26, 30)");
        assert.ok(paper.shown <= 690, `the plot is ${paper.shown} px wide on paper`);
        await tab.emulateMedia({media: null, colorScheme: theme});
        await wait_until("the plot is the screen's again", async () => (await picture(tab, "rate")).width === screen.width, 10_000);
    },

    async "the command can be copied"(tab) {
        await tab.locator(".copy").click();
        await wait_until("the button says so", async () => /Copied|Selected/.test(await tab.locator(".copy").innerText()), 10_000);
        await wait_until("the button is as before", async () => (await tab.locator(".copy").innerText()) === "Copy", 10_000);
    },
};
