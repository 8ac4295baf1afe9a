#include "orchestrator/preparation/calendars.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct calendars {
    pthread_mutex_t lock;
    json_t *named;
};

static json_t *read_named(const char *json)
{
    json_t *named = json_loads(json, 0, NULL);
    TC_CHECK(json_is_object(named));
    return named;
}

struct calendars *calendars_open(const char *json)
{
    struct calendars *calendars = calloc(1, sizeof *calendars);
    TC_CHECK(calendars != NULL && pthread_mutex_init(&calendars->lock, NULL) == 0);
    calendars->named = read_named(json);
    return calendars;
}

void calendars_free(struct calendars *calendars)
{
    if (calendars == NULL)
        return;
    json_decref(calendars->named);
    (void)pthread_mutex_destroy(&calendars->lock);
    free(calendars);
}

void calendars_replace(struct calendars *calendars, const char *json)
{
    json_t *fresh = read_named(json);
    (void)pthread_mutex_lock(&calendars->lock);
    json_t *old = calendars->named;
    calendars->named = fresh;
    (void)pthread_mutex_unlock(&calendars->lock);
    json_decref(old);
}

/* A copy of the caller's own: jansson's reference counts do not order the last reader before the free. */
static json_t *copy_named(struct calendars *calendars)
{
    if (calendars == NULL)
        return NULL;
    (void)pthread_mutex_lock(&calendars->lock);
    json_t *named = json_deep_copy(calendars->named);
    (void)pthread_mutex_unlock(&calendars->lock);
    TC_CHECK(named != NULL);
    return named;
}

char *calendars_of_plan(struct calendars *calendars, const struct plan *plan, struct document_faults *faults)
{
    json_t *named = copy_named(calendars);
    const json_t *schedule = json_object_get(json_object_get(plan->tree, "spec"), "schedule");
    json_t *chosen = json_object();
    TC_CHECK(chosen != NULL);
    size_t i;
    const json_t *name;
    json_array_foreach(json_object_get(schedule, "calendars"), i, name)
    {
        json_t *calendar = json_object_get(named, json_string_value(name));
        char path[64];
        (void)snprintf(path, sizeof path, "spec.schedule.calendars[%zu]", i);
        if (calendar == NULL)
            plan_fault_add(plan, faults, path, "found \"%s\", allowed: a calendar of tellercastd's settings",
                           json_string_value(name));
        else
            TC_CHECK(json_object_set(chosen, json_string_value(name), calendar) == 0);
    }
    char *text = json_dumps(chosen, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(named);
    json_decref(chosen);
    TC_CHECK(text != NULL);
    return text;
}
