#include "base/log_limit.h"

#include <stdio.h>
#include <string.h>

/* The count of this event and subject, a new one if need be. NULL: none is free. */
static struct log_limit_count *find(struct log_limit_count *counts, size_t size, const char *event, const char *subject,
                                    int64_t now_ms)
{
    struct log_limit_count *free_count = NULL;
    for (size_t i = 0; i < size; i++) {
        struct log_limit_count *count = &counts[i];
        if (count->event == NULL)
            free_count = free_count == NULL ? count : free_count;
        else if (strcmp(count->event, event) == 0 && strncmp(count->subject, subject, sizeof count->subject - 1) == 0)
            return count;
    }
    if (free_count == NULL)
        return NULL;
    *free_count = (struct log_limit_count){.event = event, .begun_ms = now_ms};
    (void)snprintf(free_count->subject, sizeof free_count->subject, "%s", subject);
    return free_count;
}

bool log_limit_admits(struct log_limit *limit, const char *event, const char *subject, int64_t now_ms)
{
    struct log_limit_count *all = find(limit->events, LOG_LIMIT_EVENTS, event, "", now_ms);
    if (all == NULL)
        return false;
    struct log_limit_count *own = NULL;
    if (subject[0] != '\0')
        own = find(limit->subjects, LOG_LIMIT_SUBJECTS, event, subject, now_ms);
    bool admits = all->written < LOG_LIMIT_EVENT_LINES && (own == NULL || own->written < LOG_LIMIT_LINES);
    if (own != NULL)
        own->written += admits;
    all->written += admits;
    (own == NULL ? all : own)->left_out += !admits;
    return admits;
}

static bool take_from(struct log_limit_count *counts, size_t size, int64_t now_ms, bool all,
                      struct log_limit_count *taken)
{
    for (size_t i = 0; i < size; i++) {
        struct log_limit_count *count = &counts[i];
        if (count->event == NULL || (!all && now_ms - count->begun_ms < LOG_LIMIT_PERIOD_MS))
            continue;
        *taken = *count;
        *count = (struct log_limit_count){0};
        if (taken->left_out > 0)
            return true;
    }
    return false;
}

bool log_limit_take(struct log_limit *limit, int64_t now_ms, bool all, struct log_limit_count *taken)
{
    return take_from(limit->subjects, LOG_LIMIT_SUBJECTS, now_ms, all, taken) ||
           take_from(limit->events, LOG_LIMIT_EVENTS, now_ms, all, taken);
}
