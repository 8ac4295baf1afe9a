#include "orchestrator/directory/guard_answer.h"

#include "base/log.h"
#include "orchestrator/metrics/metrics.h"

#include <pthread.h>
#include <stdlib.h>

struct guard_answer {
    pthread_mutex_t lock;
    struct guard_status status;
    struct buffer text;
    uint64_t count;
    bool is_current;
};

struct guard_answer *guard_answer_open(void)
{
    struct guard_answer *answer = calloc(1, sizeof *answer);
    TC_CHECK(answer != NULL && pthread_mutex_init(&answer->lock, NULL) == 0);
    return answer;
}

void guard_answer_close(struct guard_answer *answer)
{
    if (answer == NULL)
        return;
    (void)pthread_mutex_destroy(&answer->lock);
    buffer_free(&answer->text);
    free(answer);
}

void guard_answer_take(struct guard_answer *answer, const void *payload, size_t length)
{
    struct guard_status status;
    struct tc_fault fault;
    if (guard_status_decode(payload, length, &status, &fault) != TC_OK) {
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "guard.status_refused", F_STR("reason", fault.text));
        return;
    }
    (void)pthread_mutex_lock(&answer->lock);
    answer->status = status;
    buffer_clear(&answer->text);
    buffer_put(&answer->text, payload, length);
    answer->count++;
    (void)pthread_mutex_unlock(&answer->lock);
}

uint64_t guard_answer_read(struct guard_answer *answer, struct guard_status *status)
{
    (void)pthread_mutex_lock(&answer->lock);
    uint64_t count = answer->count;
    if (count > 0)
        *status = answer->status;
    (void)pthread_mutex_unlock(&answer->lock);
    return count;
}

void guard_answer_set_current(struct guard_answer *answer, bool is_current)
{
    (void)pthread_mutex_lock(&answer->lock);
    bool was_current = answer->is_current;
    answer->is_current = is_current;
    (void)pthread_mutex_unlock(&answer->lock);
    metric_set(METRIC_GUARD_CURRENT, is_current);
    if (is_current && !was_current)
        LOG_INFO("guard.current");
}

void guard_answer_write(struct guard_answer *answer, struct buffer *json)
{
    (void)pthread_mutex_lock(&answer->lock);
    buffer_format(json, "{\"is_current\":%s,\"status\":", answer->is_current ? "true" : "false");
    buffer_put_text(json, answer->count == 0 ? "null" : buffer_text(&answer->text));
    buffer_put_text(json, "}");
    (void)pthread_mutex_unlock(&answer->lock);
}
