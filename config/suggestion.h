/* Finds the known word that is nearest to an unknown one, for "did you mean …". */
#ifndef TELLERCAST_CONFIG_SUGGESTION_H
#define TELLERCAST_CONFIG_SUGGESTION_H

#include <stddef.h>

struct suggestion {
    const char *found;   /* the unknown word; set by the caller */
    const char *nearest; /* NULL: none is near enough */
    size_t distance;     /* of `nearest` */
};

/* Takes `candidate` if it is near and nearer than all before. Does not copy it. */
void suggestion_offer(struct suggestion *suggestion, const char *candidate);

#endif
