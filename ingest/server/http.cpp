#include "ingest/server/http.h"

#include <ctime>

#include "schemas/activity/json.h"

namespace activity::ingest {
namespace {

/// `Date: …` of this second. Formatted once a second and thread.
std::string_view date_line() {
    thread_local std::time_t second = 0;
    thread_local std::string line;
    const std::time_t now = std::time(nullptr);
    if (now != second) {
        std::tm utc{};
        ::gmtime_r(&now, &utc);
        char text[64];
        line.assign(text, std::strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc));
        second = now;
    }
    return line;
}

}  // namespace

std::string_view status_text(int status) {
    switch (status) {
        case 200: return "OK";
        case 202: return "Accepted";
        case 204: return "No Content";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 408: return "Request Timeout";
        case 413: return "Content Too Large";
        case 415: return "Unsupported Media Type";
        case 417: return "Expectation Failed";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 503: return "Service Unavailable";
        default: return "Unknown";
    }
}

void append_reply(std::string& out, const Reply& reply, bool close, bool head) {
    out += "HTTP/1.1 ";
    out += std::to_string(reply.status);
    out += ' ';
    out += status_text(reply.status);
    out += "\r\n";
    out += date_line();
    if (!reply.body.empty()) {
        out += "Content-Type: ";
        out += reply.content_type;
        out += "\r\n";
    }
    if (reply.status != 204) {  // RFC 9110, section 8.6
        out += "Content-Length: ";
        out += std::to_string(reply.body.size());
        out += "\r\n";
    }
    out += reply.headers;
    if (close) out += "Connection: close\r\n";
    out += "\r\n";
    if (!head) out += reply.body;
}

Reply problem(int status, std::string_view code, std::string_view detail, std::string_view field) {
    Reply reply;
    reply.status = status;
    reply.content_type = "application/problem+json";
    reply.body = R"({"type":"about:blank","title":)";
    json::append_string(reply.body, status_text(status));
    reply.body += ",\"status\":";
    reply.body += std::to_string(status);
    reply.body += ",\"code\":";
    json::append_string(reply.body, code);
    reply.body += ",\"detail\":";
    json::append_string(reply.body, detail);
    reply.body += ",\"message\":";
    json::append_string(reply.body, detail);
    if (!field.empty()) {
        reply.body += ",\"field\":";
        json::append_string(reply.body, field);
    }
    reply.body += "}";
    return reply;
}

}  // namespace activity::ingest
