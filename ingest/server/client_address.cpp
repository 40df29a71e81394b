#include "ingest/server/client_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <algorithm>
#include <charconv>
#include <cstring>

namespace activity::ingest {
namespace {

constexpr std::array<std::uint8_t, 12> ipv4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned ipv4_prefix_bits = 96;
constexpr unsigned ipv4_kept_bits = ipv4_prefix_bits + 24;
constexpr unsigned ipv6_kept_bits = 48;

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

std::string_view without_port(std::string_view text) {
    if (text.starts_with('[')) return text.substr(1, text.find(']') - 1);
    const std::size_t colon = text.find(':');
    const bool is_ipv6 =
        colon != std::string_view::npos && text.find(':', colon + 1) != std::string_view::npos;
    return is_ipv6 ? text : text.substr(0, colon);
}

bool same_bits(const ClientAddress& a, const ClientAddress& b, unsigned bits) {
    const unsigned whole = bits / 8;
    if (std::memcmp(a.bytes.data(), b.bytes.data(), whole) != 0) return false;
    if (bits % 8 == 0) return true;
    const unsigned mask = 0xff00U >> bits % 8;
    return ((a.bytes[whole] ^ b.bytes[whole]) & mask & 0xffU) == 0;
}

}  // namespace

bool ClientAddress::is_ipv4() const {
    return std::equal(ipv4_prefix.begin(), ipv4_prefix.end(), bytes.begin());
}

std::string ClientAddress::text() const {
    char text[INET6_ADDRSTRLEN];
    const bool v4 = is_ipv4();
    ::inet_ntop(v4 ? AF_INET : AF_INET6, bytes.data() + (v4 ? ipv4_prefix.size() : 0), text, sizeof text);
    return text;
}

ClientAddress ClientAddress::truncated() const {
    ClientAddress kept = *this;
    const unsigned bits = is_ipv4() ? ipv4_kept_bits : ipv6_kept_bits;
    std::fill(kept.bytes.begin() + bits / 8, kept.bytes.end(), std::uint8_t{0});
    return kept;
}

std::optional<ClientAddress> ClientAddress::parse(std::string_view text) {
    char terminated[INET6_ADDRSTRLEN] = {};
    text = without_port(trimmed(text));
    if (text.empty() || text.size() >= sizeof terminated) return std::nullopt;
    text.copy(terminated, text.size());
    ClientAddress address;
    if (::inet_pton(AF_INET, terminated, address.bytes.data() + ipv4_prefix.size()) == 1) {
        std::copy(ipv4_prefix.begin(), ipv4_prefix.end(), address.bytes.begin());
        return address;
    }
    if (::inet_pton(AF_INET6, terminated, address.bytes.data()) == 1) return address;
    return std::nullopt;
}

ClientAddress ClientAddress::of(const sockaddr_storage& socket_address) {
    ClientAddress address;
    if (socket_address.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(socket_address);
        std::copy(ipv4_prefix.begin(), ipv4_prefix.end(), address.bytes.begin());
        std::memcpy(address.bytes.data() + ipv4_prefix.size(), &v4.sin_addr, sizeof v4.sin_addr);
    } else if (socket_address.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(socket_address);
        std::memcpy(address.bytes.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
    }
    return address;
}

std::optional<TrustedProxies> TrustedProxies::parse(std::string_view list) {
    TrustedProxies proxies;
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        const std::string_view entry = trimmed(list.substr(0, comma));
        list.remove_prefix(std::min(comma + 1, list.size()));
        if (entry.empty()) continue;
        const std::size_t slash = entry.find('/');
        // A port makes no sense here, so what parse() would pass over is refused.
        const std::string_view host = entry.substr(0, slash);
        const auto address = ClientAddress::parse(host);
        if (!address || without_port(host) != host) return std::nullopt;
        const unsigned bits_max = address->is_ipv4() ? 32 : 128;
        unsigned bits = bits_max;
        if (slash != std::string_view::npos) {
            const std::string_view digits = entry.substr(slash + 1);
            const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
            if (error != std::errc() || end != digits.data() + digits.size() || bits > bits_max)
                return std::nullopt;
        }
        proxies.networks_.push_back({*address, bits + (address->is_ipv4() ? ipv4_prefix_bits : 0)});
    }
    return proxies;
}

bool TrustedProxies::holds(const ClientAddress& address) const {
    return std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
        return same_bits(network.address, address, network.bits);
    });
}

ClientAddress TrustedProxies::client(const ClientAddress& peer, std::string_view forwarded_for) const {
    ClientAddress client = peer;
    while (!forwarded_for.empty() && holds(client)) {
        const std::size_t comma = forwarded_for.rfind(',');
        const std::string_view last =
            comma == std::string_view::npos ? forwarded_for : forwarded_for.substr(comma + 1);
        const auto address = ClientAddress::parse(last);
        if (!address) break;  // who wrote that cannot be believed further
        client = *address;
        forwarded_for = comma == std::string_view::npos ? std::string_view() : forwarded_for.substr(0, comma);
    }
    return client;
}

}  // namespace activity::ingest
