// LabService: a worker group in a program of its own.

#include "workers/examples/lab_booking/lab_allocation.h"
#include "workers/program.h"

int main(int argc, char** argv) {
    return activity::workers::run_program(argc, argv, "activity-lab-service",
                                          {activity::lab_booking::lab_allocation_group()});
}
