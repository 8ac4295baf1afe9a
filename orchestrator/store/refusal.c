#include "orchestrator/store/refusal.h"

#include <stdio.h>

enum tc_error refusal_set(struct refusal *refusal, enum tc_error error, enum refusal_reason reason,
                          struct tc_fault *fault)
{
    refusal->reason = reason;
    return tc_fault_set(fault, error, "database: refusal %d", (int)reason);
}

void refusal_copy(char *fact, size_t size, const char *text)
{
    (void)snprintf(fact, size, "%s", text);
}
