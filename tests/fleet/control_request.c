#include "tests/fleet/control_request.h"

#include "base/clock.h"

#include <string.h>

enum { WAIT_DEFAULT_MS = 60000, OFFLINE_DEFAULT_MS = -1 };

static json_t *refuse(const char *error)
{
    return json_pack("{s:b, s:s}", "ok", 0, "error", error);
}

/* Takes ownership of `answer`. */
static json_t *accept(json_t *answer)
{
    if (answer == NULL)
        answer = json_object();
    TC_CHECK(json_object_set_new(answer, "ok", json_true()) == 0);
    return answer;
}

static json_t *current_counters(struct simulation *simulation)
{
    struct counters counters;
    simulation_counters(simulation, &counters);
    return accept(counters_json(&counters));
}

static const char *pattern_of(const json_t *request)
{
    const char *pattern = json_string_value(json_object_get(request, "match"));
    return pattern == NULL ? "*" : pattern;
}

static json_t *accept_count(size_t count)
{
    return accept(json_pack("{s:I}", "devices", (json_int_t)count));
}

static json_t *do_device(struct simulation *simulation, const json_t *request)
{
    const char *id = json_string_value(json_object_get(request, "id"));
    json_t *device = id == NULL ? NULL : simulation_device(simulation, id);
    return device == NULL ? refuse("no such device") : accept(device);
}

static json_t *do_executions(struct simulation *simulation, const json_t *request)
{
    json_t *answer = accept(simulation_executions(simulation));
    if (json_object_get(request, "match") != NULL) {
        json_int_t first = json_integer_value(json_object_get(request, "from_rollout"));
        json_t *list = simulation_execution_list(simulation, pattern_of(request), first);
        TC_CHECK(json_object_set_new(answer, "list", list) == 0);
    }
    return answer;
}

static json_t *do_disconnect(struct simulation *simulation, const json_t *request)
{
    const json_t *for_ms = json_object_get(request, "for_ms");
    bool is_clean = json_is_true(json_object_get(request, "clean"));
    return accept_count(simulation_disconnect(simulation, pattern_of(request), is_clean,
                                              for_ms == NULL ? OFFLINE_DEFAULT_MS : json_integer_value(for_ms)));
}

static bool is_condition(const char *key)
{
    return strcmp(key, "do") != 0 && strcmp(key, "timeout_ms") != 0;
}

static json_t *do_wait(struct simulation *simulation, json_t *request, struct control_wait *wait)
{
    const struct counters none = {0};
    const char *key;
    json_t *value;
    json_object_foreach(request, key, value)
    {
        int64_t ignored;
        if (is_condition(key) && (!counters_find(&none, key, &ignored) || !json_is_integer(value)))
            return refuse("a wait names counters with integers");
    }
    const json_t *timeout_ms = json_object_get(request, "timeout_ms");
    wait->request = json_incref(request);
    wait->deadline_ms = clock_monotonic_ms() + (timeout_ms == NULL ? WAIT_DEFAULT_MS : json_integer_value(timeout_ms));
    return control_wait_answer(simulation, wait);
}

static bool is_met(const json_t *request, const struct counters *counters)
{
    bool is_below = strcmp(json_string_value(json_object_get(request, "do")), "wait_below") == 0;
    void *at = json_object_iter((json_t *)(uintptr_t)request);
    for (; at != NULL; at = json_object_iter_next((json_t *)(uintptr_t)request, at)) {
        int64_t found, wanted = json_integer_value(json_object_iter_value(at));
        if (!is_condition(json_object_iter_key(at)) || !counters_find(counters, json_object_iter_key(at), &found))
            continue;
        if (is_below ? found >= wanted : found < wanted)
            return false;
    }
    return true;
}

json_t *control_wait_answer(struct simulation *simulation, struct control_wait *wait)
{
    struct counters counters;
    simulation_counters(simulation, &counters);
    bool is_over = is_met(wait->request, &counters);
    if (!is_over && clock_monotonic_ms() < wait->deadline_ms)
        return NULL;
    json_decref(wait->request);
    wait->request = NULL;
    json_t *answer = accept(counters_json(&counters));
    if (!is_over) {
        TC_CHECK(json_object_set_new(answer, "ok", json_false()) == 0);
        TC_CHECK(json_object_set_new(answer, "error", json_string("timeout")) == 0);
    }
    return answer;
}

static json_t *answer_request(struct simulation *simulation, json_t *request, struct control_wait *wait,
                              bool *is_told_to_stop)
{
    const char *what = json_string_value(json_object_get(request, "do"));
    if (what == NULL)
        return refuse("a request is a JSON object with \"do\"");
    if (strcmp(what, "counters") == 0)
        return current_counters(simulation);
    if (strcmp(what, "wait") == 0 || strcmp(what, "wait_below") == 0)
        return do_wait(simulation, request, wait);
    if (strcmp(what, "device") == 0)
        return do_device(simulation, request);
    if (strcmp(what, "executions") == 0)
        return do_executions(simulation, request);
    if (strcmp(what, "versions") == 0)
        return accept(json_pack("{s:o}", "versions", simulation_versions(simulation)));
    if (strcmp(what, "ask_all") == 0)
        return accept_count(simulation_ask(simulation, pattern_of(request)));
    if (strcmp(what, "disconnect") == 0)
        return do_disconnect(simulation, request);
    if (strcmp(what, "stop") != 0)
        return refuse("unknown request");
    *is_told_to_stop = true;
    return accept(NULL);
}

json_t *control_request_answer(struct simulation *simulation, const char *line, struct control_wait *wait,
                               bool *is_told_to_stop)
{
    json_t *request = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    json_t *answer = answer_request(simulation, request, wait, is_told_to_stop);
    json_decref(request);
    return answer;
}
