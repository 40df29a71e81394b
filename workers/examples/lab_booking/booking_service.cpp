// BookingService: books lab tests for a learner. A booking is an event like any other; its ID is the message
// ID, so whoever is not sure that a booking went through books it again under the same ID.

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "schemas/activity/json.h"
#include "schemas/activity/uuid.h"
#include "schemas/service/log.h"
#include "schemas/service/settings.h"
#include "schemas/wire/client_settings.h"
#include "schemas/wire/failure.h"
#include "schemas/wire/producer.h"
#include "workers/examples/lab_booking/names.h"
#include "workers/loop/sync_publisher.h"

namespace activity::lab_booking {
namespace {

constexpr const char* name = "activity-lab-booking";
constexpr int exit_failed = 1;
constexpr int exit_usage = 2;
constexpr auto delivery_timeout = std::chrono::seconds(20);
/// Fits the producer's queue.
constexpr int count_max = 10'000;

struct Arguments {
    std::string learner, lab_type, booking;
    int count = 1;
};

ActivityEvent booking_event(const Arguments& arguments) {
    ActivityEvent event;
    event.occurred_at = event.received_at = now();
    event.message_id = arguments.booking.empty() ? new_uuid_v7(event.occurred_at) : arguments.booking;
    event.activity = lab_booked;
    event.user_id = arguments.learner;
    event.source = "lab-app";
    event.properties = R"({"labType":)";
    json::append_string(event.properties, arguments.lab_type);
    event.properties += '}';
    return event;
}

int run(int argc, char** argv) {
    CLI::App app("Books lab tests, and prints the bookings' IDs once Kafka has them.", name);
    Arguments arguments;
    bool help = false;
    app.set_help_flag();
    app.add_flag("-h,--help", help, "This text");
    app.add_option("--learner", arguments.learner, "Who books");
    app.add_option("--lab-type", arguments.lab_type, "Which kind of lab");
    auto* const booking =
        app.add_option("--booking", arguments.booking, "Its ID; a new one if there is none");
    app.add_option("--count", arguments.count, "How many bookings, of learners LEARNER-1, LEARNER-2 …")
        ->check(CLI::Range(1, count_max))
        ->excludes(booking);
    CLI11_PARSE(app, argc, argv);

    auto reader = service::SettingsReader::from_environment();
    wire::ProducerSettings settings{.cluster = {}};
    settings.cluster.bootstrap =
        reader.required("ACTIVITY_KAFKA_BOOTSTRAP", "Kafka's brokers, host:port[,host:port]");
    settings.cluster.options = wire::read_client_options(reader);
    settings.delivery_timeout = delivery_timeout;
    const auto prefix = reader.text("ACTIVITY_TOPIC_PREFIX", "before the name of every topic", "activity.");
    const auto log = service::read_log_settings(reader);
    if (help) {
        std::cout << app.help() << '\n' << reader.help();
        return 0;
    }
    if (arguments.learner.empty()) reader.mistake("--learner is missing");
    if (arguments.lab_type.empty()) reader.mistake("--lab-type is missing");
    reader.finish();
    service::start_log(name, log);

    std::vector<wire::Record> records;
    std::string bookings;
    for (int i = 1; i <= arguments.count; ++i) {
        Arguments one = arguments;
        if (arguments.count > 1) one.learner += "-" + std::to_string(i);
        const auto event = booking_event(one);
        records.push_back(wire::make_record(event, prefix + std::string(bookings_topic), "-"));
        bookings += event.message_id + "\n";
    }
    // A command line may hold bytes that are no UTF-8: refused here, or each group would have a dead letter.
    const auto read_back = EventReader().read(*records.front().value);
    if (const auto* rejection = std::get_if<Rejection>(&read_back))
        throw service::SettingsError("not an event: " + rejection->field + " " + rejection->message);

    workers::SyncPublisher publisher([&](workers::SyncPublisher::OnDelivered on_delivered) {
        return std::make_unique<wire::Producer>(settings, std::move(on_delivered));
    });
    publisher.deliver(records);
    std::cout << bookings;
    return 0;
}

}  // namespace
}  // namespace activity::lab_booking

int main(int argc, char** argv) {
    using namespace activity;
    try {
        return lab_booking::run(argc, argv);
    } catch (const service::SettingsError& error) {
        std::cerr << error.what() << '\n';
        return lab_booking::exit_usage;
    } catch (const std::exception& error) {
        std::cerr << lab_booking::name << ": " << error.what() << '\n';
        return lab_booking::exit_failed;
    }
}
