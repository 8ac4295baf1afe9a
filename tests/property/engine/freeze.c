#include "orchestrator/store/freeze.h"

#include "orchestrator/store/acts.h"
#include "orchestrator/wording/refusal_words.h"
#include "tests/act_of_test.h"
#include "tests/property/engine/commands.h"

/* Takes the buffer's memory. */
static json_t *answer_with(enum tc_error error, const struct refusal *refusal, struct buffer *json,
                           struct tc_fault *fault)
{
    refusal_put_words(refusal, fault);
    json_t *answer =
        error == TC_OK ? json_loadb(json->bytes, json->length, 0, NULL) : json_pack("{s:s}", "error", fault->text);
    buffer_free(json);
    TC_CHECK(answer != NULL);
    return answer;
}

json_t *engine_freeze(struct engine *engine, json_t *arguments)
{
    int excepts_rollbacks;
    json_int_t until_ms;
    struct freeze_act freeze = {.reason = "because"};
    TC_CHECK(json_unpack(arguments, "[ssbI]", &freeze.actor, &freeze.match, &excepts_rollbacks, &until_ms) == 0);
    freeze.excepts_rollbacks = excepts_rollbacks;
    freeze.until_ms = until_ms;
    bool existing;
    struct buffer json = {0};
    struct refusal refusal;
    struct tc_fault fault = {0};
    struct act act = act_of_test(ACCESS_FREEZE);
    acts_set(engine->parts.store, &act);
    enum tc_error error = freeze_put(engine->parts.store, &freeze, &json, &existing, &refusal, &fault);
    acts_set(engine->parts.store, NULL);
    return answer_with(error, &refusal, &json, &fault);
}

json_t *engine_lift(struct engine *engine, json_t *arguments)
{
    json_int_t number;
    bool waits;
    struct freeze_act lift = {.reason = "because"};
    TC_CHECK(json_unpack(arguments, "[sI]", &lift.actor, &number) == 0);
    lift.freeze = number;
    struct buffer json = {0};
    struct refusal refusal;
    struct tc_fault fault = {0};
    struct act act = act_of_test(ACCESS_LIFT_FREEZE);
    acts_set(engine->parts.store, &act);
    enum tc_error error = freeze_lift(engine->parts.store, &lift, &json, &waits, &refusal, &fault);
    acts_set(engine->parts.store, NULL);
    return answer_with(error, &refusal, &json, &fault);
}
