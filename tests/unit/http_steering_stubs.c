/* The previews of exclusions and of pauses of a group. */
#include "orchestrator/store/operate.h"
#include "tests/unit/http_stubs.h"

#include <stdio.h>

enum tc_error operate_preview_exclusion(struct store *store, const struct operation_request *operation_request,
                                        struct buffer *json, struct refusal *refusal, struct tc_fault *fault)
{
    (void)store;
    const struct operation_request *of = operation_request;
    http_fixture_note_patterns(access_scope_patterns(of->scope));
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    if (http_fixture_store_answers != TC_OK)
        return tc_fault_set(fault, http_fixture_store_answers, "the store says no");
    (void)snprintf(http_fixture_last_read, sizeof http_fixture_last_read, "preview %s %lld by %s [%s] [%s]",
                   operation_name(of->operation), (long long)of->rollout, of->actor, of->match, of->device);
    buffer_put_text(json, "{\"from\":\"store\"}");
    return TC_OK;
}

enum tc_error operate_preview_pause(struct store *store, const struct operation_request *operation_request,
                                    struct buffer *json, struct refusal *refusal, struct tc_fault *fault)
{
    (void)store;
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    http_fixture_note_patterns(access_scope_patterns(operation_request->scope));
    return http_fixture_give(json, fault, "preview %s of %s of %lld", operation_name(operation_request->operation),
                             operation_request->group, (long long)operation_request->rollout);
}
