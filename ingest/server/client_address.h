#pragma once

#include <sys/socket.h>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace activity::ingest {

/// An IP address in 16 bytes: IPv6, or IPv4 mapped into it (::ffff:a.b.c.d). Zeros: not known.
struct ClientAddress {
    std::array<std::uint8_t, 16> bytes{};

    bool operator==(const ClientAddress&) const = default;
    bool is_ipv4() const;
    /// As people write it; an IPv4 one with dots.
    std::string text() const;
    /// Without the part that names a household: the first 24 bits of IPv4, 48 of IPv6, the rest zeros.
    ClientAddress truncated() const;

    /// Nothing if the text is no address. A port, and brackets around IPv6, are passed over.
    static std::optional<ClientAddress> parse(std::string_view text);
    static ClientAddress of(const sockaddr_storage& socket_address);
};

/// Networks whose word about a client's address is believed.
class TrustedProxies {
  public:
    TrustedProxies() = default;
    /// `10.0.0.0/8, ::1`: nothing if one of them is no network.
    static std::optional<TrustedProxies> parse(std::string_view list);

    bool holds(const ClientAddress& address) const;
    /// The client behind the peer: of X-Forwarded-For the last address that is not itself a trusted proxy's,
    /// because everything before it may be of the client's making. The peer itself if it is not trusted.
    ClientAddress client(const ClientAddress& peer, std::string_view forwarded_for) const;

  private:
    struct Network {
        ClientAddress address;
        unsigned bits = 128;
    };
    std::vector<Network> networks_;
};

}  // namespace activity::ingest
