// activity-worker: reads the activity topics and applies the effects of worker groups to PostgreSQL, once for
// each message ID and group.

#include "workers/groups/groups.h"
#include "workers/program.h"

int main(int argc, char** argv) {
    using namespace activity::workers;
    return run_program(argc, argv, "activity-worker", groups());
}
