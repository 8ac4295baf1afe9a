/* What is installed at devices: few different sets among thousands of devices, so each is kept once, with the
 * payload of the ask that says it. One thread. */
#ifndef TELLERCAST_TESTS_FLEET_VERSION_SET_H
#define TELLERCAST_TESTS_FLEET_VERSION_SET_H

#include "base/buffer.h"
#include "config/text_set.h"

#include <jansson.h>
#include <stddef.h>

struct version_set {
    char *text;        /* canonical JSON */
    json_t *versions;  /* artifact → version */
    struct buffer ask; /* payload */
};

struct version_sets {
    struct text_set texts; /* to places in `sets` */
    struct version_set **sets;
    size_t count, capacity;
};

/* The set that a flat JSON object says. NULL when it is none. */
const struct version_set *version_sets_read(struct version_sets *sets, const char *text);
/* The set that `old` becomes when `version` of `artifact` is installed. */
const struct version_set *version_sets_install(struct version_sets *sets, const struct version_set *old,
                                               const char *artifact, const char *version);
void version_sets_free(struct version_sets *sets);

#endif
