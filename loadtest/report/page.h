#pragma once

#include <string>

namespace activity::loadtest {

/// The report of a run as one HTML file that needs nothing else. `record` is its JSON.
std::string report_page(const std::string& record);

}  // namespace activity::loadtest
