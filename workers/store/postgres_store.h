#pragma once

#include <memory>
#include <pqxx/dbtransaction>
#include <span>
#include <string>
#include <vector>

#include "workers/groups/group.h"
#include "workers/store/store.h"

namespace activity::workers {

class Connection;

struct PostgresSettings {
    std::string conninfo;  ///< libpq URL or keyword string; secret
    std::string group_id;  ///< Kafka's ID of the group, part_offset.grp
    std::string owner;     ///< who we are, for people: part_offset.owner and the application name
};

/// One connection to PostgreSQL, made when it is needed and made anew after it broke. One thread.
class PostgresStore final : public Store {
  public:
    PostgresStore(PostgresSettings settings, const Group& group);
    ~PostgresStore() override;

    std::vector<PartitionState> claim(const std::vector<wire::PartitionOffset>& oldest) override;
    std::vector<PartitionState> states_of(const std::string& group_id,
                                          const std::vector<wire::TopicPartition>& partitions) override;
    Outcome store(const Batch& batch) override;

  private:
    template <typename Work>
    auto guarded(Work&& work);
    void connect();
    Outcome store_whole(const Batch& batch);
    Refused find_refused(const Batch& batch);
    std::vector<RefusedRow> find_forgotten(pqxx::dbtransaction& transaction, const Batch& batch);
    bool any_erased(pqxx::dbtransaction& transaction, const Batch& batch);
    bool copy_into_table(pqxx::dbtransaction& transaction, const Batch& batch);
    std::size_t drop_repeats(pqxx::dbtransaction& transaction);
    template <typename Insert>
    bool as_if_all_fresh(pqxx::dbtransaction& transaction, Insert&& insert);
    void stage(const Batch& batch, std::size_t begin, std::size_t end);
    void copy(const std::string& into, std::span<const Batch::Row> rows, const Batch& batch,
              bool with_learner);
    void end_stopped_copies();
    Stored apply(pqxx::dbtransaction& transaction, std::size_t rows);

    PostgresSettings settings_;
    const Group& group_;
    const std::vector<std::string> effect_;
    std::unique_ptr<Connection> connection_;
    std::string chunk_;             ///< of COPY data
    int batches_with_repeats_ = 0;  ///< are expected, before it is tried again whether one has none
};

}  // namespace activity::workers
