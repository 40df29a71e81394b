#include "ingest/server/client_address.h"

#include <gtest/gtest.h>

namespace activity::ingest {
namespace {

std::string parsed(std::string_view text) {
    const auto address = ClientAddress::parse(text);
    return address ? address->text() : "(none)";
}

TEST(ClientAddress, IsReadAndWritten) {
    EXPECT_EQ(parsed("192.0.2.7"), "192.0.2.7");
    EXPECT_EQ(parsed(" 192.0.2.7:4711 "), "192.0.2.7");
    EXPECT_EQ(parsed("2001:DB8::1"), "2001:db8::1");
    EXPECT_EQ(parsed("[2001:db8::1]:443"), "2001:db8::1");
    EXPECT_EQ(parsed("::ffff:192.0.2.7"), "192.0.2.7");
    for (const char* wrong : {"", "unknown", "192.0.2", "192.0.2.256", "::1::", "[", "[]", "1.2.3.4.5.6"})
        EXPECT_EQ(parsed(wrong), "(none)") << wrong;
}

TEST(ClientAddress, IsTruncatedForPrivacy) {
    EXPECT_EQ(ClientAddress::parse("192.0.2.77")->truncated().text(), "192.0.2.0");
    EXPECT_EQ(ClientAddress::parse("2001:db8:1:2:3:4:5:6")->truncated().text(), "2001:db8:1::");
}

TEST(TrustedProxies, AreNetworks) {
    const auto proxies = TrustedProxies::parse("10.0.0.0/8, 192.0.2.7,2001:db8::/33");
    ASSERT_TRUE(proxies);
    EXPECT_TRUE(proxies->holds(*ClientAddress::parse("10.255.0.1")));
    EXPECT_FALSE(proxies->holds(*ClientAddress::parse("11.0.0.1")));
    EXPECT_TRUE(proxies->holds(*ClientAddress::parse("192.0.2.7")));
    EXPECT_FALSE(proxies->holds(*ClientAddress::parse("192.0.2.6")));
    EXPECT_TRUE(proxies->holds(*ClientAddress::parse("2001:db8:7fff::1")));
    EXPECT_FALSE(proxies->holds(*ClientAddress::parse("2001:db8:8000::1")));
    for (const char* wrong : {"10.0.0.0/33", "10.0.0.0/", "x", "10.0.0.0/8x", "::1/129", "10.0.0.1:80"})
        EXPECT_FALSE(TrustedProxies::parse(wrong)) << wrong;
    EXPECT_FALSE(TrustedProxies::parse("")->holds(*ClientAddress::parse("127.0.0.1")));
}

TEST(TrustedProxies, TellTheClientBehindThem) {
    const auto proxies = TrustedProxies::parse("127.0.0.1,10.0.0.0/8");
    const auto client = [&](const char* peer, const char* forwarded) {
        return proxies->client(*ClientAddress::parse(peer), forwarded).text();
    };
    EXPECT_EQ(client("127.0.0.1", "203.0.113.9"), "203.0.113.9");
    EXPECT_EQ(client("127.0.0.1", "1.1.1.1, 203.0.113.9"), "203.0.113.9") << "what the client sent itself";
    EXPECT_EQ(client("127.0.0.1", "203.0.113.9, 10.1.1.1"), "203.0.113.9") << "two proxies";
    EXPECT_EQ(client("203.0.113.5", "1.1.1.1"), "203.0.113.5") << "not a proxy of ours";
    EXPECT_EQ(client("127.0.0.1", ""), "127.0.0.1");
    EXPECT_EQ(client("127.0.0.1", "1.1.1.1, rubbish"), "127.0.0.1");
    EXPECT_EQ(client("127.0.0.1", "10.0.0.1"), "10.0.0.1") << "a proxy itself";
}

}  // namespace
}  // namespace activity::ingest
