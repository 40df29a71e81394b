#pragma once

#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include "workers/store/connection.h"
#include "workers/store/sqlstate.h"
#include "workers/store/store.h"

namespace activity::workers {

/// The server's first line: what went wrong, without the rows that it quotes behind it.
inline std::string first_line(std::string_view text) {
    constexpr std::size_t bytes_max = 500;
    return std::string(text.substr(0, std::min(text.find('\n'), bytes_max)));
}

/// Does `work` and turns whatever the libraries throw into a StoreFailure. A connection that is not known to
/// be good is given up.
template <typename Work>
auto guarded(std::unique_ptr<Connection>& connection, Work&& work) {
    const auto broken = [&] { return !connection || connection->broken(); };
    const auto give_up = [&](const std::string& sqlstate, std::string_view what) {
        // Once the connection is gone, libpq knows why; libpqxx only that it can't go on.
        const char* const lost = connection && connection->raw() != nullptr && connection->broken()
                                     ? PQerrorMessage(connection->raw())
                                     : "";
        const std::string why = first_line(*lost == '\0' ? what : lost);
        connection.reset();
        return StoreFailure(Remedy::wait, sqlstate, why);
    };
    try {
        return work();
    } catch (const StoreFailure& failure) {
        if (broken() || failure.remedy() == Remedy::wait) throw give_up(failure.sqlstate(), failure.what());
        throw;
    } catch (const pqxx::sql_error& error) {
        const Remedy what_to_do = remedy(error.sqlstate());
        if (broken() || what_to_do == Remedy::wait) throw give_up(error.sqlstate(), error.what());
        throw StoreFailure(what_to_do, error.sqlstate(), first_line(error.what()));
    } catch (const std::exception& error) {
        // broken_connection; in_doubt_error, which the fence resolves when the batch is stored again.
        throw give_up("", error.what());
    }
}

}  // namespace activity::workers
