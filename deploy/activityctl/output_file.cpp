#include "deploy/activityctl/output_file.h"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <iostream>

#include "deploy/activityctl/context.h"

namespace activity::ctl {

OutputFile::OutputFile(std::string name, bool may_replace) : name_(std::move(name)) {
    if (is_stdout()) return;
    if (!may_replace && std::filesystem::exists(name_)) {
        throw CommandError(name_ + " is there already; take another name, or --overwrite");
    }
    // Made with its rights first: nobody shall open it in between.
    const int descriptor = ::open(partial().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor < 0) throw CommandError(partial() + " can't be written: " + std::strerror(errno));
    ::close(descriptor);
    file_.open(partial(), std::ios::binary | std::ios::trunc);
    check(file_.good());
}

void OutputFile::check(bool good) const {
    if (good) return;
    throw CommandError(is_stdout() ? "stdout takes no more: whoever read it has gone"
                                   : partial() + " can't be written: " + std::strerror(errno));
}

void OutputFile::write(std::string_view bytes) {
    auto& out = is_stdout() ? static_cast<std::ostream&>(std::cout) : file_;
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    check(out.good());
}

void OutputFile::finish() {
    if (is_stdout()) {
        std::cout.flush();
        check(std::cout.good());
        return;
    }
    file_.close();
    check(file_.good());
    std::error_code error;
    std::filesystem::rename(partial(), name_, error);
    if (error)
        throw CommandError(partial() + " is whole, but can't be renamed to " + name_ + ": " +
                           error.message());
}

}  // namespace activity::ctl
