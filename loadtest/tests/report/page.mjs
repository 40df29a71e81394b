// The page of a run, put together as `activity-loadtest report` does it.

import {readFileSync} from "node:fs";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";

const report = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "report");
const files = {
    "uplot.css": "uplot/uPlot.min.css", "report.css": "report.css", "uplot.js": "uplot/uPlot.iife.min.js", "report.js": "report.js",
};

export function page_of(run_json) {
    const parts = {"run.json": run_json.replaceAll("</", "<\\/")};
    for (const [name, file] of Object.entries(files)) parts[name] = readFileSync(join(report, file), "utf8");
    return readFileSync(join(report, "report.html"), "utf8").replace(/^\/\*@([a-z.]+)@\*\/$/gm, (line, name) => {
        if (!(name in parts)) throw new Error(`report.html asks for ${name}`);
        return parts[name];
    });
}
