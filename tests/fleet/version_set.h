/* Sets of installed versions. Thousands of devices have few different sets, so each is kept once, with the payload of
 * the ask that reports it. One thread. */
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
    struct text_set texts; /* JSON to indexes in `sets` */
    struct version_set **sets;
    size_t count, capacity;
};

/* Returns the set of a flat JSON object. NULL: the text is none. */
const struct version_set *version_sets_read(struct version_sets *sets, const char *text);
/* Returns the set `old` with `version` of `artifact` installed. */
const struct version_set *version_sets_install(struct version_sets *sets, const struct version_set *old,
                                               const char *artifact, const char *version);
void version_sets_free(struct version_sets *sets);

#endif
