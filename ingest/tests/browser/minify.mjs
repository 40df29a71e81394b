// Makes ingest/web/activity.min.js, which is what ingest serves, of ingest/web/activity.js.
//
//   node minify.mjs           writes it
//   node minify.mjs --check   says whether it is what the source gives, and small enough
//
// Both print its size and its hash for the attribute `integrity` of a script tag.

import {createHash} from "node:crypto";
import {readFileSync, writeFileSync} from "node:fs";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";
import {gzipSync} from "node:zlib";

import {load} from "./packages.mjs";

const web = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "web");
export const served_file = join(web, "activity.min.js");
const gzip_bytes_max = 2048;

export function minified() {
    const {outputFiles} = load("esbuild").buildSync({
        entryPoints: [join(web, "activity.js")],
        bundle: true,
        format: "iife",
        minify: true,
        target: "es2020",
        charset: "utf8",
        write: false,
    });
    return Buffer.from(outputFiles[0].contents);
}

export const gzip_bytes = (bytes) => gzipSync(bytes, {level: 9}).length;
export const integrity = (bytes) => "sha384-" + createHash("sha384").update(bytes).digest("base64");

// Throws an Error that says what is wrong; returns a line that says what there is.
export function check() {
    const served = readFileSync(served_file);
    if (!served.equals(minified())) {
        throw new Error("ingest/web/activity.min.js is not what activity.js gives: run node ingest/tests/browser/minify.mjs");
    }
    const size = gzip_bytes(served);
    if (size > gzip_bytes_max) throw new Error(`activity.min.js has ${size} bytes gzipped, more than ${gzip_bytes_max}`);
    return `${size} bytes gzipped, ${integrity(served)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    if (!process.argv.includes("--check")) writeFileSync(served_file, minified());
    console.log("activity.min.js: " + check());
}
