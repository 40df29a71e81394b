#!/usr/bin/env node
// Runs the driver of one SDK against a running pipeline, then against the same through a proxy that spoils one
// request, and checks the rows in PostgreSQL after each.
//
// usage: run.mjs DRIVER [limited]
//
// With `limited` ingest must refuse some requests of its own accord, as the source has a limit of events a second,
// and nothing else is spoilt.
//
// Environment: INGEST_URL, WRITE_KEY, DATABASE_URL (an empty database of a pipeline; read as an analyst does).
// The last line of output says how many rows there are. Exits with 1, and says why, if anything is not as it should be.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { faults, Proxy } from './proxy.mjs';
import { check_stored } from './stored.mjs';

const driver_timeout_ms = 180_000;
const stored_timeout_ms = 90_000;

/// A beacon can't be answered, so nothing repeats it.
const drivers = {
    segment_node: { file: 'segment_node.mjs', faults: Object.keys(faults) },
    segment_browser: { file: 'segment_browser.mjs', faults: Object.keys(faults) },
    segment_python: { file: 'segment_python.py', faults: Object.keys(faults) },
    rudder_node: { file: 'rudder_node.mjs', faults: Object.keys(faults) },
    rudder_browser: { file: 'rudder_browser.mjs', faults: Object.keys(faults) },
    beacon: { file: 'beacon.mjs', faults: [] },
};

const in_this_folder = (name) => fileURLToPath(new URL(name, import.meta.url));

/// Runs a driver until it reports, then `check` with its report; then the driver may end, and must do so well.
async function run(file, environment, check) {
    const program = file.endsWith('.py') ? `${environment.SDKS_DIR}/python/bin/python` : process.execPath;
    const child = spawn(program, [in_this_folder(file)], {
        stdio: ['pipe', 'pipe', 'inherit'],
        env: { ...process.env, ...environment, PYTHONIOENCODING: 'utf-8', PYTHONDONTWRITEBYTECODE: '1' },
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), driver_timeout_ms);
    const ended = new Promise((resolve, reject) => child.on('close', (code, signal) => resolve(signal ?? code)).on('error', reject));
    try {
        let checked = false;
        for await (const line of createInterface({ input: child.stdout })) {
            if (line.startsWith('{"rows"')) {
                await check(line);
                checked = true;
                child.stdin.end();
            } else {
                console.error(line);
            }
        }
        const end = await ended;
        if (end !== 0 || !checked) throw new Error(`${file} ended with ${end}`);
    } finally {
        clearTimeout(timer);
        child.kill();
    }
}

async function main() {
    const driver = drivers[process.argv[2]];
    const missing = ['INGEST_URL', 'WRITE_KEY', 'DATABASE_URL'].filter((name) => !process.env[name]);
    const is_limited = process.argv[3] === 'limited';
    if (process.argv.length !== (is_limited ? 4 : 3) || !driver || missing.length > 0) {
        console.error(`usage: INGEST_URL=… WRITE_KEY=… DATABASE_URL=… run.mjs ${Object.keys(drivers).join('|')} [limited]`);
        process.exit(2);
    }
    const installed = execFileSync(in_this_folder('install'), { encoding: 'utf8' });
    const SDKS_DIR = installed.trimEnd().split('\n').pop();
    if (!existsSync(SDKS_DIR)) throw new Error(`install: ${installed}`);

    const rows = [];
    let stored = 0;
    for (const fault of is_limited ? ['limited'] : ['', ...driver.faults]) {
        const started = Date.now();
        const proxy = fault ? new Proxy(process.env.INGEST_URL, fault) : null;
        const INGEST_URL = proxy ? await proxy.listen() : process.env.INGEST_URL;
        const before = stored;
        await run(driver.file, { INGEST_URL, SDKS_DIR, FAULT: fault }, async (report) => {
            rows.push(report);
            stored = await check_stored(process.env.DATABASE_URL, rows, stored_timeout_ms);
        });
        proxy?.close();
        if (proxy && proxy.repeated === 0) throw new Error(`${fault}: the SDK repeated nothing, so this proves nothing`);
        if (is_limited && proxy.limited === 0) throw new Error('ingest limited nothing, so this proves nothing');
        const repeated = proxy ? `, ${proxy.repeated} events sent again` : '';
        console.error(`${process.argv[2]}, ${fault || 'no fault'}: ${stored - before} rows${repeated}, ${Date.now() - started} ms`);
    }
    console.log(`${stored} rows`);
}

main().catch((error) => {
    console.error(`${process.argv[2]}: ${error.message}`);
    process.exit(1);
});
