/* The request as an act, for the record of acts. */
#include "orchestrator/intake/http_request.h"
#include "orchestrator/recorder/recorder.h"
#include "orchestrator/store/acts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERVER_FAULT = 500 };

static const char endpoint[] = "http";

/* The kind of object by the path's collection; other collections are their own kind. */
static const struct {
    const char *collection, *kind;
} kinds[] = {
    {"rollouts", "rollout"}, {"devices", "device"}, {"artifacts", "artifact"}, {"keys", "key"},
    {"people", "person"},    {"tokens", "token"},   {"logout", "session"},     {"reviews", "review"},
    {"logs", "log"},         {"freezes", "freeze"}, {"webhooks", "webhook"},
};

static const char *find_kind(const char *collection)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strncmp(kinds[i].collection, collection, strcspn(collection, ":")) == 0)
            return kinds[i].kind;
    }
    return collection;
}

/* The last word of /v1/COLLECTION/{id}/WORD, /v1/COLLECTION/WORD or /v1/COLLECTION:WORD, unless it is a collection.
 * Otherwise the operation has one act; or it creates one of the collection, if it has several. */
static const char *find_verb(const struct http_route *route)
{
    const char *last = strrchr(route->path, '/') + 1, *colon = strchr(last, ':');
    if (colon != NULL)
        return colon + 1;
    bool is_collection = strrchr(route->path, '/') == strchr(route->path + 1, '/');
    if (strcmp(route->method, "POST") != 0 || *last == '{' || route->operation == ACCESS_ENROL_DEVICE ||
        strcmp(last, "amendments") == 0)
        return access_operation_name(route->operation);
    if (!is_collection)
        return last;
    bool has_several = route->operation == ACCESS_MANAGE_PEOPLE || route->operation == ACCESS_MAKE_OWN_TOKEN;
    return has_several ? "create" : access_operation_name(route->operation);
}

/* Verbs of acts that are no request of HTTP. */
static const char *const other_verbs[] = {"create_admin", "enrol",  "expire_acts", "import_tokens",
                                          "leave_policy", "others", "send_log",    "set_policy"};

static size_t put_verb(const char *verb, const char **verbs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(verbs[i], verb) == 0)
            return count;
    }
    TC_CHECK(count < ACT_VERBS_MAX);
    verbs[count] = verb;
    return count + 1;
}

/* The acts of a peer that is not known have the name of the operation that it wanted. */
size_t http_act_find_verbs(const char *word, const char *verbs[static ACT_VERBS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < sizeof other_verbs / sizeof *other_verbs; i++) {
        if (strcmp(other_verbs[i], word) == 0)
            count = put_verb(other_verbs[i], verbs, count);
    }
    for (size_t i = 0; i < http_route_count; i++) {
        const char *verb = find_verb(&http_routes[i]);
        const char *operation = access_operation_name(http_routes[i].operation);
        if (strcmp(operation, word) == 0)
            count = put_verb(operation, verbs, count);
        if (strcmp(operation, word) == 0 || strcmp(verb, word) == 0)
            count = put_verb(verb, verbs, count);
    }
    return count;
}

void http_act_begin(struct http_request *request)
{
    const struct http_target *target = &request->target;
    struct act *act = malloc(sizeof *act);
    TC_CHECK(act != NULL);
    *act = act_begin(&request->subject, request->route->operation, endpoint, request->peer->name);
    act_set_verb(act, find_verb(request->route));
    act_set_object(act, target->segment_count > 1 ? find_kind(target->segments[1]) : "", request->variable);
    request->act = act;
}

void http_act_end(struct http_request *request)
{
    free(request->act);
    request->act = NULL;
}

void http_act_refuse(struct http_request *request, int status, const char *refusal)
{
    if (request->act == NULL || request->act->is_recorded)
        return;
    act_set_refused(request->act, status >= SERVER_FAULT ? ACT_FAILED : ACT_REFUSED, refusal);
    recorder_refuse(request->http->config.recorder, request->act);
}

struct store *http_act_take_store(struct http_request *request)
{
    return acts_take_store(request->http->config.stores, request->act);
}
