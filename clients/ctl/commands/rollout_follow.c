#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/run.h"

#include <stdlib.h>

static int follow(struct session *session, enum watch_display display, bool show_end)
{
    size_t count = session->invocation->argument_count;
    int64_t timeout_ms;
    int code;
    if (!rollout_timeout(session, &timeout_ms, &code))
        return code;
    int64_t *ids = calloc(count, sizeof *ids);
    TC_CHECK(ids != NULL);
    for (size_t i = 0; i < count; i++) {
        if (!rollout_find(session, session_argument(session, i), &ids[i], &code)) {
            free(ids);
            return code;
        }
    }
    code = watch_rollouts(session, ids, count, display, display != WATCH_SILENT, timeout_ms);
    bool ended = code == EXIT_HEALTHY || code == EXIT_PAUSED || code == EXIT_ABORTED;
    for (size_t i = 0; show_end && ended && i < count; i++) {
        int ignored;
        json_t *rollout = rollout_get(session, ids[i], &ignored);
        struct buffer out = {0};
        if (rollout != NULL && session->json)
            session_put_json(session, rollout);
        else if (rollout != NULL)
            rollout_put(session, rollout, &out);
        session_put(&out);
        buffer_free(&out);
        json_decref(rollout);
    }
    free(ids);
    return code;
}

int run_rollout_watch(struct session *session)
{
    return follow(session, WATCH_ON_STDOUT, false);
}

int run_rollout_wait(struct session *session)
{
    return follow(session, WATCH_SILENT, true);
}
