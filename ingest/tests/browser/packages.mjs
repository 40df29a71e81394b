// The npm packages of these tests, in the versions of package-lock.json. They are installed outside the source tree:
// in $ACTIVITY_CACHE_DIR, or in the system's temporary directory without it.

import {execFileSync} from "node:child_process";
import {createHash} from "node:crypto";
import {copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync} from "node:fs";
import {createRequire} from "node:module";
import {tmpdir} from "node:os";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

function install() {
    const parent = join(process.env.ACTIVITY_CACHE_DIR || join(tmpdir(), "activity-cache"), "npm");
    const lock = readFileSync(join(here, "package-lock.json"));
    // By the lock file's content, so that another version of it gets another directory.
    const directory = join(parent, "browser-" + createHash("sha256").update(lock).digest("hex").slice(0, 16));
    if (existsSync(directory)) return directory;

    mkdirSync(parent, {recursive: true});
    const scratch = mkdtempSync(join(parent, "browser-new-"));
    try {
        for (const file of ["package.json", "package-lock.json"]) copyFileSync(join(here, file), join(scratch, file));
        // Neither package needs its installation script: esbuild finds its program by itself, and the browser is Debian's.
        execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
            cwd: scratch,
            stdio: ["ignore", "ignore", "inherit"],
        });
        // Only a whole installation gets the name. If another process was quicker, its is as good.
        renameSync(scratch, directory);
    } catch (error) {
        if (!existsSync(directory)) throw error;
    } finally {
        rmSync(scratch, {recursive: true, force: true});
    }
    return directory;
}

export const load = createRequire(join(install(), "package.json"));
