// A page of another origin in a real browser, and all that it asks of the network.
import http from 'node:http';
import { gunzipSync } from 'node:zlib';
import { fault, from_packages, ingest_url, packages_dir, wait_until } from './driver.mjs';

const { chromium } = from_packages('playwright-core');
const { buildSync } = from_packages('esbuild');

/// A script for a page, with the packages that it imports.
export function bundle(source) {
    const { outputFiles } = buildSync({
        stdin: { contents: source, resolveDir: packages_dir },
        bundle: true,
        write: false,
        format: 'iife',
        platform: 'browser',
        define: { 'process.env.NODE_ENV': '"production"' },
    });
    return outputFiles[0].text;
}

const events_path = /\/(v1|beacon\/v1)\/(track|page|screen|identify|group|alias|batch|[tpsigab])(\?|$)/;

/// A browser and the pages' server. Every page is of an origin and a site other than ingest's.
export class Browser {
    /// Addresses on hosts that are nobody's business.
    foreign = [];
    /// What the browser and the SDK complained of.
    complaints = [];
    /// IDs of messages whose request was answered with success.
    delivered = new Set();
    #browser;
    #server;

    static async start(script = '') {
        const browser = new Browser();
        await browser.#start(script);
        return browser;
    }

    async #start(script) {
        this.#server = http.createServer((request, response) => {
            if (request.url === '/script.js') {
                response.writeHead(200, { 'Content-Type': 'text/javascript; charset=utf-8' }).end(script);
            } else if (request.url === '/favicon.ico') {
                response.writeHead(204).end();
            } else {
                response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
                response.end('<!doctype html><html lang="de"><title>Größe 数学 🎓</title><script src="/script.js"></script></html>');
            }
        });
        await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
        const { port } = this.#server.address();
        /// What a source's `origins` lists as http://localhost:*.
        this.origin = `http://localhost:${port}`;
        /// The same page under a name that no source lists.
        this.unlisted_origin = `http://127.0.0.1:${port}`;
        this.#browser = await chromium.launch({
            executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
            args: [
                // Chromium has no sandbox for root.
                ...(process.getuid() === 0 ? ['--no-sandbox'] : []),
                '--disable-dev-shm-usage',
                // Whatever an SDK asks of another host is taken down below, and goes nowhere.
                '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
            ],
        });
    }

    async close() {
        await this.#browser.close();
        this.#server.close();
        this.#server.closeAllConnections();
    }

    /// A page without any history: storage and cookies of its own.
    async open(origin = this.origin) {
        const context = await this.#browser.newContext({ locale: 'de-DE', timezoneId: 'Europe/Berlin' });
        const known = [ingest_url, this.origin, this.unlisted_origin].map((address) => new URL(address).origin);
        context.on('request', (request) => {
            const { protocol, origin: asked } = new URL(request.url());
            if (/^(http|ws)s?:$/.test(protocol) && !known.includes(asked)) this.foreign.push(request.url());
        });
        context.on('response', (response) => this.#note(response));
        const page = await context.newPage();
        page.on('pageerror', (error) => this.complaints.push(`page: ${error.message}`));
        page.on('console', (message) => {
            if (['error', 'warning'].includes(message.type())) this.complaints.push(`console: ${message.text()}`);
        });
        await page.goto(`${origin}/`);
        return page;
    }

    #note(response) {
        const request = response.request();
        if (request.method() !== 'POST' || !response.ok() || !events_path.test(request.url())) return;
        const body = request.postDataBuffer();
        if (!body) return;
        const text = body[0] === 0x1f && body[1] === 0x8b ? gunzipSync(body) : body;
        const message = JSON.parse(text.toString());
        for (const event of message.batch ?? [message]) this.delivered.add(event.messageId);
    }

    async wait_delivered(count) {
        try {
            await wait_until(`${count} events are delivered`, () => this.delivered.size >= count);
        } catch (error) {
            throw new Error([error.message, `${this.delivered.size} are`, ...this.foreign, ...this.complaints].join('\n'));
        }
    }

    /// No other host, and no complaint but of what went wrong on purpose.
    check() {
        if (this.foreign.length > 0) throw new Error(`other hosts were asked: ${this.foreign.join(' ')}`);
        if (!fault && this.complaints.length > 0) throw new Error(this.complaints.join('\n'));
    }
}
