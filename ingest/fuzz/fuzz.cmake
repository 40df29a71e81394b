# The fuzzers of ingest, and the test that runs them. Included by ingest/CMakeLists.txt, which says what web_out is.

if(NOT ACTIVITY_FUZZ)
  if(ACTIVITY_TESTS)
    # Builds them by another compiler in a directory of its own; two at a time, so nothing else beside it.
    add_test(NAME fuzz_short COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/run --build ${CMAKE_BINARY_DIR}/fuzz --seconds 10)
    set_tests_properties(fuzz_short PROPERTIES LABELS fuzz TIMEOUT 1200 PROCESSORS 2)
  endif()
  return()
endif()

# What is between the bytes of strangers and Kafka, without sockets, clients of Kafka, and programs.
add_library(activity_fuzzed STATIC
  ../schemas/activity/event.cpp ../schemas/activity/json.cpp ../schemas/activity/mark.cpp
  ../schemas/activity/rejection.cpp ../schemas/activity/timestamp.cpp ../schemas/activity/uuid.cpp
  ../schemas/catalogue/catalogue.cpp ../schemas/catalogue/json_schema.cpp ../schemas/service/file_stamp.cpp ../schemas/service/log.cpp
  ../schemas/service/settings.cpp ../schemas/sources/source.cpp ../schemas/sources/sources.cpp
  ../schemas/wire/record.cpp ../schemas/wire/rejected.cpp
  cors.cpp dialects/query.cpp dialects/redaction.cpp dialects/sdk_settings.cpp dialects/segment.cpp
  dialects/segment_event.cpp intake.cpp
  metrics.cpp rejected_events.cpp replies.cpp routes.cpp server/base64.cpp server/client_address.cpp
  server/connection.cpp server/gzip.cpp server/http.cpp server/request_parser.cpp sources/live_sources.cpp
  sources/rate_limit.cpp web/web.cpp ${web_out}.cpp)
target_include_directories(activity_fuzzed PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/generated)
target_compile_definitions(activity_fuzzed PRIVATE
  ACTIVITY_CATALOGUE_DEFAULT="${CMAKE_SOURCE_DIR}/schemas/catalogue/catalogue.toml")
target_link_libraries(activity_fuzzed
  PUBLIC simdjson::simdjson PkgConfig::xxhash prometheus-cpp::core spdlog::spdlog OpenSSL::Crypto
  PRIVATE Boost::headers PkgConfig::re2 ZLIB::ZLIB tomlplusplus::tomlplusplus activity_compile_options)

foreach(target request segment query gunzip json_schema sources worker_event)
  add_executable(fuzz_${target} fuzz/fuzz_${target}.cpp)
  target_link_libraries(fuzz_${target} PRIVATE activity_fuzzed activity_compile_options Boost::headers ZLIB::ZLIB)
  target_link_options(fuzz_${target} PRIVATE -fsanitize=fuzzer)
endforeach()
target_sources(fuzz_request PRIVATE fuzz/front_door.cpp)
