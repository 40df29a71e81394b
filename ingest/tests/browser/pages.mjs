// The web app: a small site of an origin of its own, whose pages load our client.

import {once} from "node:events";
import {readFileSync} from "node:fs";
import http from "node:http";

import {served_file} from "./minify.mjs";

const attribute = (name, value) => (value ? ` ${name}="${value}"` : "");

export class Pages {
    async open() {
        const client = readFileSync(served_file);
        this.server = http.createServer((request, response) => {
            const {pathname, searchParams} = new URL(request.url, "http://localhost");
            if (pathname === "/activity.js") {
                response.writeHead(200, {"Content-Type": "text/javascript"}).end(client);
                return;
            }
            const source = searchParams.get("source") || "/activity.js";
            const script = pathname === "/plain" ? "" :
                `<script src="${source}"` + attribute("data-key", searchParams.get("key")) +
                attribute("data-endpoint", searchParams.get("endpoint")) +
                attribute("integrity", searchParams.get("integrity")) + ' crossorigin="anonymous"></script>';
            response.writeHead(200, {"Content-Type": "text/html"}).end(`<!doctype html><title>Lecture 7</title>${script}`);
        });
        this.server.listen(0, "127.0.0.1");
        await once(this.server, "listening");
        return this;
    }

    // `settings`: key, endpoint, source (the script's address), integrity (its hash)
    lecture(settings, host = "127.0.0.1") {
        return `http://${host}:${this.server.address().port}/lecture?${new URLSearchParams(settings)}`;
    }
    // A page without our client.
    get plain() {
        return `http://127.0.0.1:${this.server.address().port}/plain`;
    }

    close() {
        this.server.close();
        this.server.closeAllConnections();
    }
}
