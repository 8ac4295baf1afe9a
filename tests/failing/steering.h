/* Operations on a rollout that runs, and the webhook that gets its events, while a statement of them fails. */
#ifndef TELLERCAST_TESTS_FAILING_STEERING_H
#define TELLERCAST_TESTS_FAILING_STEERING_H

#include "tests/failing/failing.h"
#include "tests/failing/rollout_lifecycle.h"

struct steering;

/* On the parts of a lifecycle, which it uses alone until it is closed. The numbers of its rollouts begin behind
 * `number`. */
struct steering *steering_open(struct rollout_lifecycle *lifecycle, int number);
void steering_close(struct steering *steering);

/* What can fail. Each is one request, or one turn of a part. */
struct steering_case {
    const char *name;
    bool (*fails)(struct steering *steering, int of, enum failing kind, int nth);
    int of;        /* the operation */
    unsigned ways; /* in which it fails: bits 1 << enum failing */
};

extern const struct steering_case steering_cases[];
extern const int steering_case_count;

/* Makes the nth statement of the case fail, and repeats the case until it succeeds. Checks that it then has its effect
 * once. Returns true when there was such a statement. */
bool steering_fail(struct steering *steering, const struct steering_case *failing_case, enum failing kind, int nth);

#endif
