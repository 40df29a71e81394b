// A proxy before ingest that spoils the first request that carries events, and counts what it sees.
import http from 'node:http';
import { gunzipSync } from 'node:zlib';

/// What a client meets, by name.
export const faults = {
    /// Not asked: ingest never sees the first try.
    unavailable: { status: 503, code: 'queue_full' },
    rate_limited: { status: 429, code: 'rate_limited' },
    /// Taken and stored, and the client can't know.
    reply_lost: { loses_reply: true },
};
const no_fault = {};

const events_path = /^\/(v1\/(track|page|screen|identify|group|alias|merge|batch|import|[tpsigab])|beacon\/v1\/batch)\/?(\?|$)/;

/// The message IDs of a body; it is zipped if it looks so, whatever the header says.
function message_ids(body) {
    const text = body[0] === 0x1f && body[1] === 0x8b ? gunzipSync(body) : body;
    const message = JSON.parse(text.toString());
    return (message.batch ?? [message]).map((event) => event.messageId).filter((id) => id !== undefined);
}

export class Proxy {
    /// How many messages came more than once.
    repeated = 0;
    /// How many requests ingest itself answered 429.
    limited = 0;
    #seen = new Set();
    #spoilt = false;

    constructor(target, fault) {
        this.#target = new URL(target);
        this.#fault = faults[fault] ?? no_fault;
        this.#server = http.createServer((request, response) => this.#take(request, response).catch(() => request.socket.destroy()));
    }

    async listen() {
        await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
        return `http://127.0.0.1:${this.#server.address().port}`;
    }

    close() {
        this.#server.close();
        this.#server.closeAllConnections();
    }

    #target;
    #fault;
    #server;

    async #take(request, response) {
        const chunks = [];
        for await (const chunk of request) chunks.push(chunk);
        const body = Buffer.concat(chunks);
        let spoils = false;
        if (request.method === 'POST' && events_path.test(request.url)) {
            for (const id of message_ids(body)) {
                if (this.#seen.has(id)) ++this.repeated;
                this.#seen.add(id);
            }
            spoils = !this.#spoilt;
            this.#spoilt = true;
        }
        if (spoils && this.#fault.status) return refuse(this.#fault, request, response);

        // Host stays as the client wrote it: ingest's settings for SDKs name the address that they came by.
        const upstream = http.request({ host: this.#target.hostname, port: this.#target.port, method: request.method, path: request.url, headers: request.headers });
        upstream.end(body);
        const answer = await new Promise((resolve, reject) => upstream.on('response', resolve).on('error', reject));
        if (answer.statusCode === 429) ++this.limited;
        const answered = [];
        for await (const chunk of answer) answered.push(chunk);
        if (spoils && this.#fault.loses_reply) {
            // A few bytes first: Chromium itself repeats a request whose connection ends before any.
            request.socket.end('HTTP/1.1 2');
            return;
        }
        response.writeHead(answer.statusCode, answer.headers);
        response.end(Buffer.concat(answered));
    }
}

/// As ingest does, headers for browsers included: without them a page can't tell 503 from no answer at all.
function refuse({ status, code }, request, response) {
    const origin = request.headers.origin;
    response.writeHead(status, {
        'Content-Type': 'application/problem+json',
        'Retry-After': '1',
        ...(status === 429 && { 'X-RateLimit-Limit': '10', 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': '1' }),
        ...(origin && {
            'Access-Control-Allow-Origin': origin,
            'Access-Control-Allow-Credentials': 'true',
            'Access-Control-Expose-Headers': 'retry-after, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset',
            Vary: 'Origin',
        }),
    });
    response.end(JSON.stringify({ type: 'about:blank', title: http.STATUS_CODES[status], status, code, detail: 'on purpose', message: 'on purpose' }));
}
