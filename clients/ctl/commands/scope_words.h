/* The words for the scope of a role. Private to the commands. */
#ifndef TELLERCAST_CLIENTS_CTL_COMMANDS_SCOPE_WORDS_H
#define TELLERCAST_CLIENTS_CTL_COMMANDS_SCOPE_WORDS_H

#include "base/buffer.h"

#include <jansson.h>

/* Appends region=emea,apac;site=branch, for {"region":["emea","apac"],"site":["branch"]} or with one value in place of
 * each list. */
void scope_put_labels(const json_t *labels, struct buffer *out);
/* Appends the same of each element of an array, joined by " or "; nothing for what is no array. */
void scope_put_patterns(const json_t *patterns, struct buffer *out);

#endif
