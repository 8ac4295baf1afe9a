/* The body of the order of a freeze, in JSON or YAML: {"match":"region=emea","until":"2026-12-01T06:00:00Z",
 * "reason":"…","except":["rollback"]}. Without "match" it is of everything. Any thread. */
#ifndef TELLERCAST_CONFIG_FREEZE_ORDER_H
#define TELLERCAST_CONFIG_FREEZE_ORDER_H

#include "base/buffer.h"
#include "config/operation.h"

#include <stdbool.h>
#include <stdint.h>

/* How far ahead a freeze may be meant to end. */
#define FREEZE_DAYS_MAX 366

struct freeze_order {
    struct buffer scope; /* JSON, as scope_text_parse writes it; {}: everything */
    int64_t until_ms;
    bool excepts_rollbacks;
    char reason[OPERATION_REASON_MAX + 1];
};

/* TC_INVALID with every fault in `faults`; a time that has passed at `now_ms` is one. Call freeze_order_free in any
 * case. */
enum tc_error freeze_order_parse(const char *bytes, size_t length, int64_t now_ms, struct freeze_order *order,
                                 struct document_faults *faults);
void freeze_order_free(struct freeze_order *order);

#endif
