// What is stored, read as analysts do, with PostgreSQL's own client.

import {execFile} from "node:child_process";
import {promisify} from "node:util";

const query = `SELECT row_to_json(row) FROM (
    SELECT message_id, type, activity, user_id, anonymous_id, occurred_at, properties, context FROM analytics.event) AS row`;

export async function storedRows() {
    const {stdout} = await promisify(execFile)(
        "psql", ["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--command", query, process.env.DATABASE_URL],
        {maxBuffer: 256 * 1024 * 1024});
    return stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}
