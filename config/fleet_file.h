/* Reads a fleet from a file without keeping it in memory: pages that were read are given back. One call, one thread. */
#ifndef TELLERCAST_CONFIG_FLEET_FILE_H
#define TELLERCAST_CONFIG_FLEET_FILE_H

#include "config/fleet.h"

struct fleet_file {
    int file; /* a regular file, open for reading; its offset does not matter */
    enum fleet_format format;
    struct fleet_rules rules;
};

/* As fleet_read. TC_UNAVAILABLE with a fault when the file cannot be mapped; TC_INVALID leaves `fault` alone. */
enum tc_error fleet_file_read(const struct fleet_file *file, const struct fleet_sink *sink,
                              struct document_faults *faults, struct tc_fault *fault);

#endif
