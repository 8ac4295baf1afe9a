/* Operations on a device. */
#include "orchestrator/rollout/words.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/operate.h"
#include "orchestrator/store/rollout_progress.h"

#include <string.h>

enum tc_error operate_return_device(struct store *store, const char *device, const char *actor, const char *reason,
                                    struct buffer *returned, struct refusal *refusal, struct tc_fault *fault)
{
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    refusal_copy(refusal->device, sizeof refusal->device, device);
    if (strcmp(actor, ACTOR_TELLERCAST) == 0)
        return refusal_set(refusal, TC_DENIED, REFUSAL_OWN_NAME, fault);
    const struct sql_return_device_params params = {.device = device, .actor = actor, .reason = reason};
    struct sql_return_device_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_return_device(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_return_device_row row = sql_return_device_at(&rows, 0);
    if (!row.is_known)
        return refusal_set(refusal, TC_NOT_FOUND, REFUSAL_NO_DEVICE, fault);
    if (row.returned == NULL)
        return refusal_set(refusal, TC_CONFLICT, REFUSAL_IN_SERVICE, fault);
    buffer_put_text(returned, row.returned);
    return TC_OK;
}
