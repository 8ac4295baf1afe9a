/* Generates large fleets for trials: the same shape and seed give the same bytes. Any thread. */
#ifndef TELLERCAST_CONFIG_FLEET_GENERATE_H
#define TELLERCAST_CONFIG_FLEET_GENERATE_H

#include "base/fault.h"
#include "config/fleet.h"

#include <stdint.h>
#include <stdio.h>

struct fleet_shape {
    int64_t branches;        /* each with a node, B00001 */
    int64_t atms_per_branch; /* B00001-A1 and on */
    int64_t pull_clients;    /* without a branch, P00001 and on */
    uint64_t seed;
    enum fleet_format format;
};

#define FLEET_SHAPE_MOST 10000000 /* maximum of each of the three */

/* Writes the fleet. The branches are in eight zones of different offsets and daylight saving rules, with labels
 * `region` and `site`; the ATMs have several models and versions. TC_INVALID when a number is negative or over
 * FLEET_SHAPE_MOST, TC_UNAVAILABLE when the file cannot be written. */
enum tc_error fleet_generate(const struct fleet_shape *shape, FILE *out, struct tc_fault *fault);

#endif
