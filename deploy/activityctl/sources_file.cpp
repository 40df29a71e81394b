#include "deploy/activityctl/sources_file.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "deploy/activityctl/context.h"

namespace activity::ctl {
namespace {

/// Its hashes open nothing, but who sends what is nobody else's business.
constexpr mode_t new_file_mode = 0640;

/// A descriptor that is closed with its owner.
class Descriptor {
  public:
    explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
    ~Descriptor() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return descriptor_; }

  private:
    int descriptor_;
};

[[noreturn]] void cannot(const std::string& what, const std::filesystem::path& file) {
    throw CommandError("cannot " + what + " " + file.string() + ": " + std::strerror(errno));
}

}  // namespace

std::vector<Source> SourcesFile::read() const {
    std::error_code error;
    if (!std::filesystem::exists(file_, error)) return {};
    return Sources::load(file_).all();
}

void SourcesFile::edit(const std::function<void(std::vector<Source>&)>& change) const {
    // The lock is a file of its own: the other one is replaced.
    const std::filesystem::path lock_file = file_.string() + ".lock";
    const Descriptor lock(::open(lock_file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, new_file_mode));
    if (lock.get() < 0 || ::flock(lock.get(), LOCK_EX) != 0) cannot("lock", lock_file);
    auto sources = read();
    change(sources);
    const std::string text = Sources(std::move(sources), file_.string()).toml();
    // What ingest would refuse must not get into its file.
    Sources::parse(text, file_.string());
    write(text);
}

void SourcesFile::write(const std::string& text) const {
    const std::filesystem::path next = file_.string() + ".new";
    struct stat now {};
    const bool exists = ::stat(file_.c_str(), &now) == 0;
    const mode_t mode = exists ? now.st_mode & 0777U : new_file_mode;
    const Descriptor out(::open(next.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, mode));
    if (out.get() < 0 || ::fchmod(out.get(), mode) != 0) cannot("write", next);
    // The service that reads it may be another user than the one who runs this.
    if (exists && ::fchown(out.get(), now.st_uid, now.st_gid) != 0 && errno != EPERM) cannot("write", next);
    std::string_view rest = text;
    while (!rest.empty()) {
        const ssize_t bytes = ::write(out.get(), rest.data(), rest.size());
        if (bytes < 0 && errno == EINTR) continue;
        if (bytes < 0) cannot("write", next);
        rest.remove_prefix(static_cast<std::size_t>(bytes));
    }
    if (::fsync(out.get()) != 0 || ::rename(next.c_str(), file_.c_str()) != 0) cannot("write", file_);
}

Source& source_named(std::vector<Source>& sources, const std::string& name) {
    const auto found =
        std::find_if(sources.begin(), sources.end(), [&](const Source& one) { return one.name == name; });
    if (found == sources.end())
        throw CommandError("there is no source " + name + "; activityctl sources list shows all");
    return *found;
}

std::string new_write_key() {
    std::array<unsigned char, 20> bytes{};
    if (::RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
        throw CommandError("the system gives no random numbers");
    constexpr char digits[] = "0123456789abcdef";
    std::string key;
    for (const unsigned char byte : bytes) {
        key += digits[byte >> 4];
        key += digits[byte & 15];
    }
    return key;
}

void rotate(Source& source, const KeyHash& key, Timestamp now, Timestamp old_keys_expire) {
    for (WriteKey& old : source.keys) {
        if (!old.expires || *old.expires > old_keys_expire) old.expires = old_keys_expire;
    }
    // What is no key any more need not stay in the file.
    std::erase_if(source.keys, [now](const WriteKey& old) { return old.expires && *old.expires <= now; });
    source.keys.push_back({key, now, std::nullopt});
}

void revoke(Source& source, std::string_view hash_prefix) {
    const auto begins_so = [hash_prefix](const WriteKey& key) {
        return format_hash(key.hash).starts_with(hash_prefix);
    };
    const auto count = std::count_if(source.keys.begin(), source.keys.end(), begins_so);
    if (count == 0)
        throw CommandError("no key of " + source.name + " has a hash that begins with " +
                           std::string(hash_prefix));
    if (count > 1)
        throw CommandError(std::to_string(count) + " keys of " + source.name +
                           " have a hash that begins so; give more of it");
    std::erase_if(source.keys, begins_so);
}

}  // namespace activity::ctl
