/* Branches, and how they use their machines. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_BRANCH_LIST_H
#define TELLERCAST_ORCHESTRATOR_STORE_BRANCH_LIST_H

#include "base/buffer.h"
#include "orchestrator/store/store.h"

#include <stdbool.h>

/* Branches that a page looks at. */
#define BRANCHES_SEARCHED 1000

/* Which branches. Texts that are borrowed. */
struct branch_filter {
    const char *part;   /* of the ID or the name, in upper or lower case; "": any */
    const char *labels; /* of the branch, as a JSON object; "{}": any */
    const char
        *patterns;     /* where the reader sees devices: a branch all of whose devices are there; NULL: every branch */
    bool is_at_budget; /* only those whose budget is used up */
    bool has_no_machine; /* only those with no machine left */
};

/* Appends a page of the list, with `next`. A page can be short or empty. TC_UNAVAILABLE. */
enum tc_error branch_list_read(struct store *store, const struct branch_filter *filter, const char *after, int limit,
                               struct buffer *json, struct tc_fault *fault);
/* Appends a branch. TC_NOT_FOUND: there is none of this ID in `patterns`. */
enum tc_error branch_read(struct store *store, const char *patterns, const char *branch, struct buffer *json,
                          struct tc_fault *fault);

#endif
