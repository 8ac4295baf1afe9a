/* "Did you mean …": the word nearest to one that is not known. */
#ifndef TELLERCAST_CONFIG_SUGGESTION_H
#define TELLERCAST_CONFIG_SUGGESTION_H

#include <stddef.h>

struct suggestion {
    const char *found;   /* what was written; set by the caller */
    const char *nearest; /* NULL while nothing is near enough */
    size_t distance;     /* of `nearest` */
};

/* Takes `candidate` if it is near, and nearer than what was offered before. Not copied. */
void suggestion_offer(struct suggestion *suggestion, const char *candidate);

#endif
