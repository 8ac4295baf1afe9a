/* Topics whose fields are given as text: an ID, the wildcard, or the broker's placeholder for the user. Private to
 * topics. */
#ifndef TELLERCAST_TOPICS_TOPIC_PATTERN_H
#define TELLERCAST_TOPICS_TOPIC_PATTERN_H

#include "topics/topic.h"

struct topic_levels {
    const char *branch;
    const char *device;
    const char *rollout;
    const char *user;
};

/* Writes the topic of a kind. `levels` has a text for each field of the kind. */
void topic_write_pattern(const char *root, enum topic_kind kind, const struct topic_levels *levels,
                         char name[static TOPIC_SIZE]);

#endif
