#include "ingest/server/gzip.h"

#include <gtest/gtest.h>

#include "ingest/tests/gzip_bytes.h"

namespace activity::ingest {
namespace {

using front_door::gzip;

/// Text that gzip cannot pack much.
std::string noise(std::size_t bytes) {
    std::string text;
    std::uint32_t state = 1;
    while (text.size() < bytes) {
        state = state * 1'664'525 + 1'013'904'223;
        text += static_cast<char>('!' + (state >> 24) % 90);
    }
    return text;
}

TEST(Gunzip, UnpacksWhatFits) {
    Gunzip gunzip({100'000, 100});
    for (const std::size_t bytes : {0UL, 1UL, 1'000UL, 32'768UL, 32'769UL, 99'999UL, 100'000UL}) {
        const std::string text = noise(bytes);
        const auto result = gunzip.unpack(gzip(text));
        ASSERT_TRUE(std::holds_alternative<std::string>(result)) << bytes;
        EXPECT_EQ(std::get<std::string>(result), text);
    }
    EXPECT_EQ(std::get<GzipError>(gunzip.unpack(gzip(noise(100'001)))), GzipError::too_large);
}

TEST(Gunzip, StopsABombByItsRatio) {
    Gunzip gunzip({50'000'000, 100});
    const std::string bomb = gzip(std::string(40'000'000, ' '));
    EXPECT_LT(bomb.size(), 50'000U);
    EXPECT_EQ(std::get<GzipError>(gunzip.unpack(bomb)), GzipError::too_large);
    // Small bodies may pack as well as they like.
    EXPECT_TRUE(std::holds_alternative<std::string>(gunzip.unpack(gzip(std::string(60'000, ' ')))));
}

TEST(Gunzip, RefusesWhatIsNotOneWholeStream) {
    Gunzip gunzip({100'000, 100});
    const std::string good = gzip(noise(1'000));
    for (std::size_t bytes = 0; bytes < good.size(); bytes += 7)
        EXPECT_EQ(std::get<GzipError>(gunzip.unpack(good.substr(0, bytes))), GzipError::malformed) << bytes;
    std::string wrong_checksum = good;
    wrong_checksum[good.size() - 5] ^= 1;
    EXPECT_EQ(std::get<GzipError>(gunzip.unpack(wrong_checksum)), GzipError::malformed);
    EXPECT_EQ(std::get<GzipError>(gunzip.unpack(good + "x")), GzipError::malformed);
    EXPECT_EQ(std::get<GzipError>(gunzip.unpack(good + good)), GzipError::malformed);
    EXPECT_EQ(std::get<GzipError>(gunzip.unpack("{\"a\":1}")), GzipError::malformed);
    EXPECT_EQ(std::get<std::string>(gunzip.unpack(good)), noise(1'000)) << "unmoved by the failures";
}

TEST(Gunzip, IsRecognisedByItsFirstBytes) {
    EXPECT_TRUE(looks_like_gzip(gzip("x")));
    EXPECT_FALSE(looks_like_gzip("{\"a\":1}"));
    EXPECT_FALSE(looks_like_gzip(""));
}

}  // namespace
}  // namespace activity::ingest
