// What stands between the pages and ingest: a proxy that forwards, and that can fail in every way that a network or a
// server fails. It writes down what passed.

import {once} from "node:events";
import http from "node:http";

// An answer of the gate's own must be readable for the page, as ingest's are.
const readable = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"};

export class Gate {
    // `target`: ingest's address, http://host:port
    constructor(target) {
        this.target = new URL(target);
        // {at, method, path, headers, bytes, ids, status}, in the order in which they came; at in ms, status 0 until
        // it was answered.
        this.requests = [];
        this.in_flight = 0;
        this.in_flight_max = 0;
        // forward | hold (takes a request and says nothing) | hold_reply, lose_reply (ingest gets it, the page gets
        // nothing; or the connection's end) | {status, headers} (answers by itself)
        this.mode = "forward";
        this.port = 0;
    }

    get address() {
        return "http://127.0.0.1:" + this.port;
    }
    // Those that bear events.
    get batches() {
        return this.requests.filter((request) => request.method === "POST");
    }

    async open() {
        this.server = http.createServer((request, response) => this.#take(request, response));
        this.server.listen(this.port, "127.0.0.1");
        await once(this.server, "listening");
        this.port = this.server.address().port;
        return this;
    }

    // From now on connections are refused; those that there are end.
    async cut() {
        const closed = new Promise((resolve) => this.server.close(resolve));
        this.server.closeAllConnections();
        await closed;
    }

    async #take(request, response) {
        const chunks = [];
        const mode = this.mode;
        const record = {
            at: Date.now(), method: request.method, path: request.url, headers: request.headers, bytes: 0, ids: [], status: 0,
        };
        this.in_flight_max = Math.max(this.in_flight_max, ++this.in_flight);
        // Before the page can know of it, or its next request could be here first.
        let over = () => {
            this.in_flight--;
            over = () => {};
        };
        response.once("close", () => over());
        try {
            for await (const chunk of request) chunks.push(chunk);
        } catch {
            return;  // the page has gone
        }
        const body = Buffer.concat(chunks);
        record.bytes = body.length;
        if (request.method === "POST") record.ids = JSON.parse(body).batch.map((event) => event.messageId);
        this.requests.push(record);

        if (mode === "hold") return;
        if (typeof mode === "object") {
            record.status = mode.status;
            over();
            response.writeHead(mode.status, {...readable, ...mode.headers}).end();
            return;
        }
        const {hostname, port} = this.target;
        const onward = http.request({hostname, port, method: request.method, path: request.url, headers: request.headers, agent: false});
        onward.on("error", () => response.destroy());
        onward.on("response", async (answer) => {
            record.status = answer.statusCode;
            const parts = [];
            try {
                for await (const part of answer) parts.push(part);
            } catch {
                response.destroy();
                return;
            }
            if (mode === "hold_reply") return;
            over();
            if (mode === "lose_reply") {
                response.destroy();
            } else {
                response.writeHead(answer.statusCode, answer.headers).end(Buffer.concat(parts));
            }
        });
        onward.end(body);
    }
}
