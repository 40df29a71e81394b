#include "loadtest/report/page.h"

#include <stdexcept>
#include <string_view>
#include <utility>

#include "loadtest/report/page_files.h"

namespace activity::loadtest {
namespace {

/// In a script element nothing may look like its end; JSON takes `\/` for `/`.
std::string without_end_tags(const std::string& json) {
    std::string out;
    out.reserve(json.size());
    for (std::size_t i = 0; i < json.size(); ++i) {
        if (json[i] == '/' && i > 0 && json[i - 1] == '<') out += '\\';
        out += json[i];
    }
    return out;
}

}  // namespace

std::string report_page(const std::string& record) {
    const std::string json = without_end_tags(record);
    const std::pair<std::string_view, std::string_view> parts[]{
        {"/*@uplot.css@*/\n", page_file::uPlot_min_css},
        {"/*@report.css@*/\n", page_file::report_css},
        {"/*@run.json@*/\n", json},
        {"/*@uplot.js@*/\n", page_file::uPlot_iife_min_js},
        {"/*@report.js@*/\n", page_file::report_js},
    };
    // In the order of the template, so that what was put in is not looked at again.
    std::string page;
    std::string_view rest = page_file::report_html;
    for (const auto& [name, content] : parts) {
        const auto at = rest.find(name);
        if (at == std::string_view::npos) throw std::logic_error("report.html lacks " + std::string(name));
        page.append(rest.substr(0, at)).append(content).append("\n");
        rest.remove_prefix(at + name.size());
    }
    return page.append(rest);
}

}  // namespace activity::loadtest
