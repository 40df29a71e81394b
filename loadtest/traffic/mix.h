#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace activity::loadtest {

/// Whose traffic a run sends, as a file says it (traffic/presets). Shares are of 1.
struct Mix {
    std::uint32_t learners = 20'000;
    double learner_skew = 0.4;  ///< Zipf's exponent: how much more the busiest come
    std::uint32_t courses = 200;
    double course_skew = 1.1;
    std::uint32_t problems_a_course = 60;

    /// What learners come for; weights of any sum.
    struct Visits {
        double live_class = 5;
        double practice = 3;
        double assignment = 1;
        double video = 2;
        double dashboard = 2;
        double store = 0.2;
    } visits;

    /// Learners who are there at the same time.
    std::uint32_t active = 2'000;
    /// Live classes that go on at the same time, of the most popular courses; who comes for a class joins one
    /// of them.
    std::uint32_t classes = 5;
    double reaction_bursts = 0.02;  ///< share of a class's events that start one
    std::uint32_t burst = 40;       ///< reactions of a burst, by as many learners of that class

    /// What clients do wrong, each outcome known in advance.
    double duplicates = 0.01;  ///< sent once more under the same ID, as a client that missed the answer
    double late = 0.01;        ///< told up to two hours after they happened
    double bad = 0.001;        ///< refused: a name or an ID is missing, a property is no valid one

    std::uint32_t batch = 1;  ///< events of a request
    double gzip = 0;          ///< share of the requests that are compressed
};

/// Throws std::invalid_argument with every mistake of the file: a name that it does not know, a value out of
/// range.
Mix read_mix(const std::filesystem::path& file);

}  // namespace activity::loadtest
