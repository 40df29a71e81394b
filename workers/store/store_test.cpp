#include <gtest/gtest.h>

#include <stdexcept>

#include "workers/store/connection.h"
#include "workers/store/sqlstate.h"

namespace activity::workers {
namespace {

TEST(RemedyTest, FollowsTheClassOfTheError) {
    for (const auto* outage :
         {"08006", "57P01", "57P03", "53100", "53300", "58030", "28P01", "42P01", "25P03", ""}) {
        EXPECT_EQ(remedy(outage), Remedy::wait) << outage;
    }
    for (const auto* transient : {"40001", "40P01", "55P03", "57014"})
        EXPECT_EQ(remedy(transient), Remedy::retry) << transient;
    for (const auto* bad : {"22021", "22P02", "22P05", "23502", "23514", "54000"})
        EXPECT_EQ(remedy(bad), Remedy::data) << bad;
    EXPECT_EQ(remedy("P0001"), Remedy::unclear);
}

TEST(ConninfoTest, AddsWhatIsNotSaid) {
    const auto info = with_defaults("postgresql://me:se%27cret@db:5433/activity?connect_timeout=9", "worker");
    EXPECT_NE(info.find("host='db'"), std::string::npos);
    EXPECT_NE(info.find("password='se\\'cret'"), std::string::npos);
    EXPECT_NE(info.find("connect_timeout='9'"), std::string::npos);
    EXPECT_EQ(info.find("connect_timeout='5'"), std::string::npos);
    EXPECT_NE(info.find("application_name='worker'"), std::string::npos);
    EXPECT_NE(info.find("tcp_user_timeout='15000'"), std::string::npos);
    check_conninfo(info);
}

TEST(ConninfoTest, ReadsKeywords) {
    EXPECT_NE(with_defaults("host=/tmp dbname=a", "w").find("host='/tmp'"), std::string::npos);
}

TEST(ConninfoTest, DoesNotRepeatWhatItRefuses) {
    try {
        check_conninfo("postgresql://me:hunter2@db:port/x y?nonsense=1");
        FAIL();
    } catch (const std::invalid_argument& error) {
        EXPECT_EQ(std::string(error.what()).find("hunter2"), std::string::npos);
    }
}

}  // namespace
}  // namespace activity::workers
