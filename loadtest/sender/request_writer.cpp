#include "loadtest/sender/request_writer.h"

#include <openssl/evp.h>
#include <zlib.h>

#include <stdexcept>

namespace activity::loadtest {
namespace {

std::string base64(const std::string& bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

/// All texts are the generator's own and need no escapes.
void append_event(std::string& out, const Told& told) {
    enum Fault : std::uint32_t { no_name, no_user, properties_no_object };
    const auto has = [&](Fault fault) { return told.deed.bad && told.deed.learner % 3 == fault; };
    out += R"({"type":"track","messageId":")";
    out += format_uuid(told.id);
    if (!has(no_user)) {
        out += R"(","userId":")";
        out += learner_id(told.deed.learner);
    }
    if (!has(no_name)) {
        out += R"(","event":")";
        out += activities[told.deed.activity];
    }
    out += R"(","timestamp":")";
    out += format_timestamp(told.happened_at);
    out += R"(","properties":)";
    out += has(properties_no_object) ? "[]" : told.deed.properties;
    out += R"(,"context":{"library":{"name":"activity-loadtest","version":"1"}}})";
}

std::string gzipped(const std::string& bytes) {
    z_stream stream{};
    // 16 over the window's bits: gzip, not zlib. The level of browsers' CompressionStream.
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        throw std::runtime_error("zlib does not start");
    std::string out(deflateBound(&stream, bytes.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib reads only
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int result = deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    if (result != Z_STREAM_END) throw std::runtime_error("zlib could not compress a request");
    return out;
}

}  // namespace

RequestWriter::RequestWriter(std::string host, const Source& source)
    : head_(" HTTP/1.1\r\nHost: " + std::move(host) + "\r\nAuthorization: Basic " +
            base64(source.write_key + ":") + "\r\nContent-Type: application/json\r\n") {}

std::string RequestWriter::write(std::span<const Told> events, bool gzip) const {
    std::string body;
    body.reserve(events.size() * 400);
    if (events.size() == 1) {
        append_event(body, events.front());
    } else {
        body += R"({"batch":[)";
        for (const Told& told : events) {
            if (&told != &events.front()) body += ',';
            append_event(body, told);
        }
        body += "]}";
    }
    if (gzip) body = gzipped(body);
    std::string request = events.size() == 1 ? "POST /v1/track" : "POST /v1/batch";
    request += head_;
    if (gzip) request += "Content-Encoding: gzip\r\n";
    request += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    request += body;
    return request;
}

}  // namespace activity::loadtest
