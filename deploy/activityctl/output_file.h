#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace activity::ctl {

/// Where a command's data go: stdout, or a file that has its name only once it is whole. Until then, and for
/// ever if the command was interrupted, it is `<name>.partial`. Readable by its owner alone: it is about
/// people.
class OutputFile {
  public:
    /// Empty: stdout. Throws CommandError if the file is there already, unless it may be replaced.
    OutputFile(std::string name, bool may_replace);

    /// Throws CommandError if the disk is full, or whoever read stdout has gone.
    void write(std::string_view bytes);
    /// Nothing more comes: gives the file its name.
    void finish();

    bool is_stdout() const { return name_.empty(); }
    /// What there is if it was not finished.
    std::string partial() const { return name_ + ".partial"; }

  private:
    void check(bool good) const;

    std::string name_;
    std::ofstream file_;
};

}  // namespace activity::ctl
