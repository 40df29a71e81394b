// The page /docs as a person uses it, in Chromium: it shows the API, it sends an event, nothing goes wrong on the way.
// Environment: INGEST_URL, WRITE_KEY; CHROMIUM, SCREENSHOTS (a directory to leave pictures in). Run by `run docs`.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";

const { chromium } = createRequire(import.meta.url)("playwright-core");

const ingest = process.env.INGEST_URL;
const writeKey = process.env.WRITE_KEY;
const screenshots = process.env.SCREENSHOTS;

/** A page that keeps what goes wrong on it, and what it asks of whom. */
async function openDocs(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.mistakes = [];
  page.asked = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) page.mistakes.push(message.text());
  });
  page.on("pageerror", (error) => page.mistakes.push(String(error)));
  page.on("request", (request) => page.asked.push(request.url()));
  const response = await page.goto(`${ingest}/docs`, { waitUntil: "networkidle" });
  assert.equal(response.status(), 200);
  return page;
}

async function picture(page, name) {
  if (screenshots) await page.screenshot({ path: path.join(screenshots, `${name}.png`) });
}

async function send(page, key, body) {
  await page.getByLabel("Write key").fill(key);
  if (body !== undefined) await page.getByLabel("Body, JSON").fill(JSON.stringify(body));
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.locator("#outcome-status").waitFor();
  const status = await page.locator("#outcome-status").innerText();
  const verdicts = await page.locator(".verdicts > li").allInnerTexts();
  return { status, verdicts };
}

const tests = {
  async "shows every route and every code"(browser) {
    const page = await openDocs(browser);
    const api = await (await fetch(`${ingest}/openapi.json`)).json();
    const text = await page.locator("main").textContent();
    for (const route of Object.keys(api.paths)) assert.ok(text.includes(route), `${route} is not shown`);
    for (const name of ["ProblemCode", "RejectionCode", "WarningCode"]) {
      for (const { const: code } of api.components.schemas[name].oneOf) assert.ok(text.includes(code), `${code} is not shown`);
    }
    assert.deepEqual(page.mistakes, []);
    assert.deepEqual(page.asked.filter((url) => !url.startsWith(ingest) && !url.startsWith("data:")), [], "somebody else was asked");
  },

  async "sends the example and shows its verdict"(browser) {
    const page = await openDocs(browser);
    const body = JSON.parse(await page.getByLabel("Body, JSON").inputValue());
    assert.equal(body.event, "Question Asked");
    const { status, verdicts } = await send(page, writeKey);
    assert.match(status, /^202/);
    assert.equal(verdicts.length, 1);
    assert.match(verdicts[0], /accepted/);
    assert.ok(verdicts[0].includes(body.messageId), verdicts[0]);
    assert.ok((await page.locator("#outcome").innerText()).includes(`message_id = '${body.messageId}'`));
    assert.deepEqual(page.mistakes, []);
    await picture(page, "sent");
  },

  async "sends a batch whose second event is bad"(browser) {
    const page = await openDocs(browser);
    await page.getByLabel("Call").selectOption("/v1/batch");
    const { status, verdicts } = await send(page, writeKey, { batch: [{ type: "track", messageId: `docs-${Date.now()}`, userId: "u", event: "E" }, { type: "track", messageId: "second", userId: "u" }] });
    assert.match(status, /^202/);
    assert.equal(verdicts.length, 2);
    assert.match(verdicts[0], /accepted/);
    assert.match(verdicts[1], /rejected[^]*second[^]*missing_field[^]*batch\[1\]\.event/);
    assert.deepEqual(page.mistakes, []);
  },

  // The browser itself notes a failed request on its console; nothing else may stand there.
  async "shows why an event or a key is refused"(browser) {
    const page = await openDocs(browser);
    const refused = await send(page, writeKey, { userId: "u" });
    assert.match(refused.status, /^400/);
    assert.match(refused.verdicts[0], /missing_field[^]*event/);
    await page.locator("#outcome").evaluate((outcome) => outcome.replaceChildren());
    const stranger = await send(page, "no-such-key");
    assert.match(stranger.status, /^401/);
    assert.match(stranger.verdicts[0], /invalid_write_key/);
    assert.deepEqual(page.mistakes.filter((text) => !/status of 40[01]/.test(text)), []);
  },

  async "sends nothing that is no JSON, and nothing without a key"(browser) {
    const page = await openDocs(browser);
    const asked = page.asked.length;
    await page.getByLabel("Body, JSON").fill("{");
    await page.getByRole("button", { name: "Send", exact: true }).click();
    assert.equal(await page.getByLabel("Body, JSON").getAttribute("aria-invalid"), "true");
    assert.equal(await page.getByLabel("Write key").getAttribute("aria-invalid"), "true");
    assert.equal(await page.evaluate(() => document.activeElement.id), "key");
    assert.equal(page.asked.length, asked);
    assert.deepEqual(page.mistakes, []);
  },

  async "fits a phone, light and dark"(browser) {
    for (const colorScheme of ["light", "dark"]) {
      const page = await openDocs(browser, { viewport: { width: 360, height: 740 }, colorScheme });
      for (const operation of ["track", "batch", "pixelTrack"]) await page.locator(`#${operation} > summary`).click();
      await send(page, writeKey);
      const { content, window } = await page.evaluate(() => ({ content: document.documentElement.scrollWidth, window: innerWidth }));
      assert.ok(content <= window, `${content} pixels of content are wider than the window's ${window}`);
      await picture(page, `phone-${colorScheme}`);
      assert.deepEqual(page.mistakes, []);
    }
  },

  async "every field has a name and every text can be read"(browser) {
    for (const colorScheme of ["light", "dark"]) {
      const page = await openDocs(browser, { colorScheme });
      await page.locator("#track > summary").click();
      await send(page, writeKey);
      const nameless = await page.evaluate(() => [...document.querySelectorAll("input, select, textarea")].filter((field) => !field.labels.length).map((field) => field.id));
      assert.deepEqual(nameless, []);
      assert.deepEqual(await page.evaluate(faintTexts), [], `texts with a contrast below 4.5 (${colorScheme})`);
    }
  },
};

/** Runs in the page: texts whose contrast with their ground is below WCAG's 4.5 to 1. */
function faintTexts() {
  const parse = (color) => color.match(/[\d.]+/g).map(Number);
  const light = ([red, green, blue]) => {
    const part = (value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const [one, two] = [light(parse(getComputedStyle(element).color)), light(ground(element))];
    const contrast = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (contrast < 4.5) found.add(`${element.tagName.toLowerCase()}.${element.className} ${contrast.toFixed(2)}`);
  }
  return [...found];
}

// The browser shall ask nobody but ingest.
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
});
let failed = 0;
try {
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test(browser);
      console.log(`ok      ${name}`);
    } catch (error) {
      ++failed;
      console.log(`failed  ${name}\n${error.stack}`);
    }
    for (const context of browser.contexts()) await context.close();
  }
} finally {
  await browser.close();
}
process.exit(failed ? 1 : 0);
