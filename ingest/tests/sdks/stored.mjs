// What is in PostgreSQL, compared with what was sent, by PostgreSQL itself: JSON there has all digits of a number.
import { spawn } from 'node:child_process';

/// `rows`: texts of JSON arrays of rows as driver.mjs describes them.
const comparison = (rows) => `
WITH sent AS MATERIALIZED (
    SELECT row_number() OVER () AS number, row FROM (
        ${rows.map((text) => `SELECT jsonb_array_elements(${quoted(text)}::jsonb -> 'rows')`).join(' UNION ALL ')}
    ) AS one (row)
), stored AS MATERIALIZED (
    SELECT row_number() OVER () AS number, to_jsonb(view) || jsonb_build_object('extra', coalesce(event.extra::jsonb, '{}')) AS row
    FROM analytics.event AS view JOIN activity.event ON view.message_id = coalesce(event.message_id, event.message_key::text)
), pair AS MATERIALIZED (
    SELECT sent.number AS sent, stored.number AS stored FROM sent JOIN stored ON stored.row @> jsonb_build_object('type', sent.row -> 'type')
        AND NOT EXISTS (
            SELECT FROM jsonb_each(sent.row) AS member WHERE NOT coalesce(CASE
                WHEN member.key LIKE '%\\_include' THEN stored.row -> left(member.key, -8) @> member.value
                WHEN member.key = 'occurred_at' THEN
                    abs(extract(epoch FROM (stored.row ->> 'occurred_at')::timestamptz - (sent.row ->> 'occurred_at')::timestamptz)) < 10
                ELSE stored.row -> member.key = member.value
            END, false)
        )
)
SELECT jsonb_build_object(
    'sent', (SELECT count(*) FROM sent),
    'stored', (SELECT count(*) FROM stored),
    'missing', (SELECT coalesce(jsonb_agg(row), '[]') FROM sent WHERE (SELECT count(*) FROM pair WHERE pair.sent = sent.number) <> 1),
    'surplus', (SELECT coalesce(jsonb_agg(row), '[]') FROM stored WHERE (SELECT count(*) FROM pair WHERE pair.stored = stored.number) <> 1))`;

const quoted = (text) => `'${text.replaceAll("'", "''")}'`;

async function query(database_url, sql) {
    const psql = spawn('psql', ['--no-psqlrc', '--quiet', '--tuples-only', '--no-align', '--set=ON_ERROR_STOP=1', '--file=-', `--dbname=${database_url}`], {
        stdio: ['pipe', 'pipe', 'inherit'],
        env: { ...process.env, PGCLIENTENCODING: 'UTF8', PGCONNECT_TIMEOUT: '10' },
    });
    const output = [];
    psql.stdout.on('data', (chunk) => output.push(chunk));
    psql.stdin.end(sql);
    const code = await new Promise((resolve, reject) => psql.on('close', resolve).on('error', reject));
    if (code !== 0) throw new Error(`psql ended with ${code}`);
    return Buffer.concat(output).toString();
}

/// Waits until as many rows are there as were sent, then every one of them must be the one that was sent.
/// Returns their number.
export async function check_stored(database_url, rows, timeout_ms) {
    const end = Date.now() + timeout_ms;
    for (;;) {
        const found = JSON.parse(await query(database_url, comparison(rows)));
        if (found.stored === found.sent && found.missing.length === 0 && found.surplus.length === 0) return found.stored;
        if (found.stored >= found.sent || Date.now() > end) {
            const some = (list) => list.slice(0, 3).map((row) => `\n    ${JSON.stringify(row)}`).join('');
            throw new Error(
                `${found.sent} events were sent, ${found.stored} are stored` +
                    `\n  sent, and not stored once and so: ${found.missing.length}${some(found.missing)}` +
                    `\n  stored, and not sent so: ${found.surplus.length}${some(found.surplus)}`,
            );
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
}
