#include "orchestrator/intake/upload_quota.h"

#include "base/id.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEOPLE = 256, MINUTE_MS = 60000, DAY_MS = 24 * 60 * MINUTE_MS };

/* `used_bytes` shrink by the daily bytes in a day. */
struct person {
    char name[TC_ID_MAX + 1]; /* "": a free place */
    int unfinished;
    double used_bytes;
    int64_t counted_ms; /* when `used_bytes` was right */
};

struct upload_quota {
    int uploads_max;
    int64_t daily_bytes;
    pthread_mutex_t lock;
    struct person people[PEOPLE];
};

struct upload_quota *upload_quota_open(int uploads_max, int64_t daily_bytes)
{
    struct upload_quota *quota = calloc(1, sizeof *quota);
    TC_CHECK(quota != NULL && uploads_max > 0 && daily_bytes > 0 && pthread_mutex_init(&quota->lock, NULL) == 0);
    quota->uploads_max = uploads_max;
    quota->daily_bytes = daily_bytes;
    return quota;
}

void upload_quota_close(struct upload_quota *quota)
{
    if (quota == NULL)
        return;
    (void)pthread_mutex_destroy(&quota->lock);
    free(quota);
}

/* ---- with the lock held ---- */

static void settle(const struct upload_quota *quota, struct person *person, int64_t now_ms)
{
    person->used_bytes -= (double)quota->daily_bytes / DAY_MS * (double)(now_ms - person->counted_ms);
    if (person->used_bytes < 0)
        person->used_bytes = 0;
    person->counted_ms = now_ms;
}

static struct person *find(struct upload_quota *quota, const char *name)
{
    for (size_t i = 0; i < PEOPLE; i++) {
        if (strcmp(quota->people[i].name, name) == 0)
            return &quota->people[i];
    }
    return NULL;
}

/* A place of its own for a new name: a free one, or that of the person without an upload who used least. NULL: all have
 * uploads. */
static struct person *make_place(struct upload_quota *quota, const char *name, int64_t now_ms)
{
    struct person *place = NULL;
    for (size_t i = 0; i < PEOPLE; i++) {
        struct person *person = &quota->people[i];
        settle(quota, person, now_ms);
        if (person->unfinished == 0 && (place == NULL || person->used_bytes < place->used_bytes))
            place = person;
    }
    if (place == NULL)
        return NULL;
    *place = (struct person){.counted_ms = now_ms};
    (void)snprintf(place->name, sizeof place->name, "%s", name);
    return place;
}

/* Minutes, rounded up, until so many bytes are free. */
static int64_t minutes_until_free(const struct upload_quota *quota, double bytes)
{
    return (int64_t)(bytes / (double)quota->daily_bytes * DAY_MS / MINUTE_MS) + 1;
}

static enum tc_error begin(const struct upload_quota *quota, struct person *person, int64_t size_bytes,
                           struct tc_fault *fault)
{
    if (person == NULL)
        return tc_fault_set(fault, TC_BUSY, "%d people upload at the same time; try again later", PEOPLE);
    if (person->unfinished >= quota->uploads_max)
        return tc_fault_set(fault, TC_BUSY, "%s has %d unfinished uploads; wait until one has ended", person->name,
                            person->unfinished);
    double over_bytes = person->used_bytes + (double)size_bytes - (double)quota->daily_bytes;
    if (size_bytes > quota->daily_bytes)
        return tc_fault_set(fault, TC_BUSY, "a person may upload %" PRId64 " bytes in a day (artifacts.daily_limit)",
                            quota->daily_bytes);
    if (over_bytes > 0)
        return tc_fault_set(fault, TC_BUSY,
                            "%s has uploaded too much of %" PRId64 " bytes a day (artifacts.daily_limit); wait %" PRId64
                            " minutes",
                            person->name, quota->daily_bytes, minutes_until_free(quota, over_bytes));
    person->unfinished++;
    return TC_OK;
}

/* ---- without it ---- */

enum tc_error upload_quota_begin(struct upload_quota *quota, const char *person, int64_t size_bytes, int64_t now_ms,
                                 struct tc_fault *fault)
{
    TC_CHECK(*person != '\0' && strlen(person) <= TC_ID_MAX);
    (void)pthread_mutex_lock(&quota->lock);
    struct person *found = find(quota, person);
    if (found == NULL)
        found = make_place(quota, person, now_ms);
    else
        settle(quota, found, now_ms);
    enum tc_error error = begin(quota, found, size_bytes, fault);
    (void)pthread_mutex_unlock(&quota->lock);
    return error;
}

void upload_quota_count(struct upload_quota *quota, const char *person, size_t length, int64_t now_ms)
{
    (void)pthread_mutex_lock(&quota->lock);
    struct person *found = find(quota, person);
    TC_CHECK(found != NULL && found->unfinished > 0);
    settle(quota, found, now_ms);
    found->used_bytes += (double)length;
    (void)pthread_mutex_unlock(&quota->lock);
}

void upload_quota_end(struct upload_quota *quota, const char *person)
{
    (void)pthread_mutex_lock(&quota->lock);
    struct person *found = find(quota, person);
    TC_CHECK(found != NULL && found->unfinished > 0);
    found->unfinished--;
    (void)pthread_mutex_unlock(&quota->lock);
}
