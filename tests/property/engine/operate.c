#include "orchestrator/store/operate.h"

#include "orchestrator/wording/refusal_words.h"
#include "tests/act_of_test.h"
#include "tests/property/engine/commands.h"

enum { OPERATE_SHARD = 51 };

/* The fifth argument is the group, the scope or the device that it is on. */
json_t *engine_operate(struct engine *engine, json_t *arguments)
{
    const char *name;
    json_int_t rollout, version;
    struct operation_request operation_request = {.reason = "because", .shard = OPERATE_SHARD};
    TC_CHECK(json_unpack(arguments, "[sIIsss]", &name, &rollout, &version, &operation_request.actor,
                         &operation_request.group, &operation_request.digest) == 0);
    TC_CHECK(operation_find(name, &operation_request.operation));
    operation_request.match = operation_request.match_words = operation_request.device = operation_request.group;
    operation_request.rollout = rollout;
    operation_request.version = version;
    struct operated operated;
    struct tc_fault fault = {0};
    struct act act = act_of_test(ACCESS_OPERATE);
    acts_set(engine->parts.store, &act);
    enum tc_error error = operate(engine->parts.store, &operation_request, &operated, &fault);
    acts_set(engine->parts.store, NULL);
    refusal_put_words(&operated.refusal, &fault);
    if (error != TC_OK)
        return json_pack("{s:s, s:s}", "result", tc_error_name(error), "why", fault.text);
    return json_pack("{s:s, s:s, s:I, s:b}", "result", "ok", "state", operated.state, "version",
                     (json_int_t)operated.version, "existing", operated.existing);
}

json_t *engine_give_back(struct engine *engine, json_t *arguments)
{
    const char *device, *actor;
    TC_CHECK(json_unpack(arguments, "[ss]", &device, &actor) == 0);
    struct buffer returned = {0};
    struct tc_fault fault = {0};
    struct refusal refusal;
    const struct device_operation operation = {.device = device, .actor = actor, .reason = "because"};
    struct act act = act_of_test(ACCESS_RETURN_DEVICE);
    acts_set(engine->parts.store, &act);
    enum tc_error error = operate_return_device(engine->parts.store, &operation, &returned, &refusal, &fault);
    acts_set(engine->parts.store, NULL);
    buffer_free(&returned);
    refusal_put_words(&refusal, &fault);
    if (error != TC_OK)
        return json_pack("{s:s, s:s}", "result", tc_error_name(error), "why", fault.text);
    return json_pack("{s:s}", "result", "ok");
}
