#include "orchestrator/store/acts.h"

#include "base/clock.h"
#include "orchestrator/store/actor.h"
#include "orchestrator/store/connection.h"

#include <stdlib.h>

static enum tc_error insert(struct store *store, const struct act *acts, size_t count, struct tc_fault *fault)
{
    int64_t now_ms = clock_monotonic_ms();
    struct sql_record_acts_item *items = calloc(count, sizeof *items);
    TC_CHECK(items != NULL);
    for (size_t i = 0; i < count; i++) {
        const struct act *act = &acts[i];
        items[i] = (struct sql_record_acts_item){.age_ms = act->at_ms == 0 ? 0 : now_ms - act->at_ms,
                                                 .person = act->person,
                                                 .credential = act->credential,
                                                 .endpoint = act->endpoint,
                                                 .address = act->address,
                                                 .operation = act->operation,
                                                 .verb = act->verb,
                                                 .object_kind = act->object_kind,
                                                 .object = act->object,
                                                 .digest = act->digest,
                                                 .version = act->version,
                                                 .outcome = act_outcome_name(act->outcome),
                                                 .reason = act->reason,
                                                 .refusal = act->refusal,
                                                 .times = act->times,
                                                 .details = act->details};
    }
    const struct sql_record_acts_params params = {.items = items, .item_count = count};
    enum tc_error error = sql_record_acts(store, &params, fault);
    free(items);
    return error;
}

/* What is recorded by the commit of its own transaction is done. */
static enum tc_error record_done(struct store *store, struct act *act, struct tc_fault *fault)
{
    enum tc_error error = act->is_decided ? TC_OK : actor_decide_locked(store, act, fault);
    if (error != TC_OK)
        return error;
    act->outcome = ACT_DONE;
    act->at_ms = 0;
    act->refusal[0] = '\0';
    return insert(store, act, 1, fault);
}

void acts_set(struct store *store, struct act *act)
{
    store->act = act;
    store->record_act = record_done;
}

struct act *acts_get(struct store *store)
{
    return store->act;
}

struct store *acts_take_store(struct store_pool *pool, struct act *act)
{
    struct store *store = store_pool_take(pool);
    acts_set(store, act);
    return store;
}

enum tc_error acts_check(const struct store *store, struct tc_fault *fault)
{
    if (store->act != NULL)
        return TC_OK;
    return tc_fault_set(fault, TC_INTERNAL, "database: an act without a record of it is not begun");
}

enum tc_error acts_begin(struct store *store, struct tc_fault *fault)
{
    enum tc_error error = acts_check(store, fault);
    if (error != TC_OK)
        return error;
    store->act->is_decided = false;
    return store_begin(store, fault);
}

enum tc_error acts_end(struct store *store, enum tc_error error, struct tc_fault *fault)
{
    if (error == TC_OK)
        error = store_commit(store, fault);
    return error == TC_OK ? TC_OK : store_rollback(store, error);
}

enum tc_error acts_record(struct store *store, const struct act *acts, size_t count, struct tc_fault *fault)
{
    enum tc_error error = store_begin(store, fault);
    if (error != TC_OK)
        return error;
    return acts_end(store, insert(store, acts, count, fault), fault);
}
