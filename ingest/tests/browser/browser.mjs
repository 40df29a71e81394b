// A real Chromium of a test's own: its process, its profile, its tabs.

import {spawn} from "node:child_process";
import {once} from "node:events";
import {mkdtempSync, readFileSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";

import {load} from "./packages.mjs";
import {wait_until} from "./wait.mjs";

const {chromium} = load("playwright-core");
const program = process.env.CHROMIUM || "/usr/bin/chromium";

const options = [
    "--headless=new", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-breakpad", "--no-proxy-server", "--password-store=basic",
    "--remote-debugging-port=0",
    // A tab in the background must not wait a minute for its timer, as it would among a person's tabs.
    "--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
    // A name that is not localhost's: pages under it are, without TLS, no secure context.
    "--host-resolver-rules=MAP school.test 127.0.0.1",
    // Chromium's sandbox does not work for root.
    ...(process.getuid() === 0 ? ["--no-sandbox"] : []),
];

export class Browser {
    constructor() {
        this.profile = mkdtempSync(join(tmpdir(), "activity-browser-"));
        // What went wrong in the pages.
        this.page_errors = [];
    }

    async start() {
        const port_file = join(this.profile, "DevToolsActivePort");
        rmSync(port_file, {force: true});
        // In this process's group, so that whoever ends the group ends the browser too.
        this.process = spawn(program, [...options, "--user-data-dir=" + this.profile, "about:blank"], {stdio: "ignore"});
        this.ended = once(this.process, "exit");
        await wait_until("Chromium runs", async () => {
            if (this.process.exitCode !== null) throw new Error(program + " has ended with " + this.process.exitCode);
            const port = readFileSync(port_file, "utf8").split("\n")[0];
            this.connection = await chromium.connectOverCDP("http://127.0.0.1:" + port);
            return true;
        });
        this.context = this.connection.contexts()[0];
        return this;
    }

    async open(address) {
        const tab = await this.context.newPage();
        tab.on("pageerror", (error) => this.page_errors.push(String(error)));
        if (address) await tab.goto(address);
        return tab;
    }

    // As a crash: nothing is written down that was not already.
    async kill() {
        this.process.kill("SIGKILL");
        await this.ended;
        await this.connection.close().catch(() => {});
    }

    async end() {
        if (this.connection) await this.connection.close().catch(() => {});
        if (this.process) {
            this.process.kill("SIGTERM");
            const force = setTimeout(() => this.process.kill("SIGKILL"), 10_000);
            await this.ended;
            clearTimeout(force);
        }
        // Its children end a moment later, and write until then.
        await wait_until("the profile is removed", () => {
            rmSync(this.profile, {recursive: true, force: true});
            return true;
        });
    }
}
