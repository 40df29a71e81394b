// Only in builds with AddressSanitizer. libpqxx 6.4.5 does not free the server's answer to a BEGIN that fails
// because the connection has broken: about 2 KB an outage, in the library.

extern "C" const char* __lsan_default_suppressions() {  // NOLINT: the sanitizer's name
    return "leak:pqxx::transaction_base::direct_exec\n";
}
