// DataService: a worker group in a program of its own.

#include "workers/examples/lab_booking/lab_data.h"
#include "workers/program.h"

int main(int argc, char** argv) {
    return activity::workers::run_program(argc, argv, "activity-lab-data",
                                          {activity::lab_booking::lab_data_group()});
}
