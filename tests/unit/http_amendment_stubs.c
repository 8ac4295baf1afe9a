/* A store of amendments and webhooks that records its calls. */
#include "orchestrator/store/amendment.h"
#include "orchestrator/store/webhooks.h"
#include "tests/unit/http_stubs.h"

const char *amendment_kind_name(enum amendment_kind kind)
{
    return kind == AMENDMENT_RATE ? "rate" : kind == AMENDMENT_BUDGET ? "budget" : "end";
}

const char *amendment_group(const struct amendment_change *change)
{
    (void)change;
    return NULL;
}

enum tc_error amendment_list(struct store *store, const struct access_scope *scope, int64_t rollout, int64_t after,
                             int limit, struct buffer *json, struct refusal *refusal, struct tc_fault *fault)
{
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    http_fixture_note_patterns(access_scope_patterns(scope));
    (void)store;
    return http_fixture_give(json, fault, "amendments of %lld after %lld, %d", (long long)rollout, (long long)after,
                             limit);
}

enum tc_error amendment_preview(struct store *store, const struct access_scope *scope, int64_t rollout,
                                const struct amendment_change *change, struct buffer *json, struct refusal *refusal,
                                struct tc_fault *fault)
{
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    http_fixture_note_patterns(access_scope_patterns(scope));
    (void)store;
    return http_fixture_give(json, fault, "preview of %s of %lld", amendment_kind_name(change->kind),
                             (long long)rollout);
}

enum tc_error webhooks_list(struct store *store, const char *configured, struct buffer *json, struct tc_fault *fault)
{
    (void)store;
    return http_fixture_give(json, fault, "webhooks %s", configured);
}

enum tc_error webhook_order_test(struct store *store, const char *name, const char *actor, struct buffer *json,
                                 struct tc_fault *fault)
{
    (void)store;
    return http_fixture_give(json, fault, "test webhook %s by %s", name, actor);
}
