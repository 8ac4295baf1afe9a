/* The body of an amendment of a rollout, in JSON or YAML: {"version":7,"reason":"…"} with one of
 * "rate":{"perMinute":30}, as plans write it, "maxUnavailable":1 or "10%", "endAt":"2026-12-01T06:00:00Z", and
 * "promote":{"group":"pilot","past":"failed"}. Any thread. */
#ifndef TELLERCAST_CONFIG_AMENDMENT_ORDER_H
#define TELLERCAST_CONFIG_AMENDMENT_ORDER_H

#include "config/operation.h"

#include <jansson.h>
#include <stdint.h>

enum amendment_value {
    AMENDMENT_VALUE_RATE,
    AMENDMENT_VALUE_BUDGET,
    AMENDMENT_VALUE_END,
    AMENDMENT_VALUE_PROMOTION,
    AMENDMENT_VALUE_COUNT,
};

struct amendment_order_words {
    int64_t version;
    enum amendment_value changes;
    json_t *after; /* its new value, as a canonical plan has it, or the promotion; owned */
    char reason[OPERATION_REASON_MAX + 1];
};

/* TC_INVALID with every fault in `faults`; that there is more than one change, or none, is one. Call
 * amendment_order_free in any case. */
enum tc_error amendment_order_parse(const char *bytes, size_t length, struct amendment_order_words *words,
                                    struct document_faults *faults);
void amendment_order_free(struct amendment_order_words *words);

#endif
