#include "orchestrator/store/operate.h"

#include "tests/property/engine/commands.h"

enum { OPERATE_SHARD = 51 };

json_t *engine_operate(struct engine *engine, json_t *arguments)
{
    const char *name;
    json_int_t rollout, version;
    struct operation_order order = {.reason = "because", .shard = OPERATE_SHARD};
    TC_CHECK(json_unpack(arguments, "[sIIsss]", &name, &rollout, &version, &order.actor, &order.group, &order.digest) ==
             0);
    TC_CHECK(operation_find(name, &order.operation));
    order.rollout = rollout;
    order.version = version;
    struct operated operated;
    struct tc_fault fault = {0};
    enum tc_error error = operate(engine->parts.store, &order, &operated, &fault);
    if (error != TC_OK)
        return json_pack("{s:s, s:s}", "result", tc_error_name(error), "why", fault.text);
    return json_pack("{s:s, s:s, s:I, s:b}", "result", "ok", "state", operated.state, "version",
                     (json_int_t)operated.version, "existing", operated.existing);
}
