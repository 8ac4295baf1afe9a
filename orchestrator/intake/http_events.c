/* Events, as they come (server-sent events). */
#include "orchestrator/events/event_feed.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/intake/http_standing.h"
#include "orchestrator/store/event_facts.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 4096 };

/* What of somebody's roles a stream goes by. */
struct sight {
    struct access_scope scope;
    bool sees_reviews, sees_people;
};

struct stream {
    const struct http *http;
    struct MHD_Connection *connection;
    struct http_peer *peer;
    struct http_credential credential;
    struct sight sight;
    struct feed_reader *reader; /* NULL: not yet */
};

/* ---- for the feed ---- */

static void wait_for_more(void *context)
{
    const struct stream *stream = context;
    MHD_suspend_connection(stream->connection);
}

static void wake(void *context)
{
    const struct stream *stream = context;
    MHD_resume_connection(stream->connection);
}

static bool has_gone(void *context)
{
    const struct stream *stream = context;
    return stream->peer->has_gone;
}

static enum tc_error decide(const struct subject *subject, struct sight *sight)
{
    struct tc_fault fault;
    *sight = (struct sight){.sees_reviews = access_decide(subject, ACCESS_READ_REVIEWS, NULL, &fault) == TC_OK,
                            .sees_people = access_decide(subject, ACCESS_READ_PEOPLE, NULL, &fault) == TC_OK};
    return access_decide(subject, ACCESS_READ_EVENTS, &sight->scope, &fault);
}

/* Somebody whose roles changed begins anew, with these. */
static enum feed_standing check(void *context)
{
    const struct stream *stream = context;
    struct subject subject = {0};
    struct sight now;
    struct tc_fault fault;
    enum tc_error error = http_credential_find(stream->http, &stream->credential, stream->peer->name, &subject, &fault);
    if (error == TC_UNAVAILABLE)
        return FEED_UNKNOWN;
    if (error != TC_OK || decide(&subject, &now) != TC_OK)
        return FEED_MAY_NOT;
    bool is_same = strcmp(now.scope.patterns, stream->sight.scope.patterns) == 0 &&
                   now.sees_reviews == stream->sight.sees_reviews && now.sees_people == stream->sight.sees_people;
    return is_same ? FEED_MAY : FEED_MAY_NOT;
}

/* ---- for the library ---- */

static ssize_t send_some(void *context, uint64_t position, char *bytes, size_t size)
{
    (void)position;
    const struct stream *stream = context;
    ssize_t count = event_feed_take(stream->reader, bytes, size);
    return count == FEED_END   ? MHD_CONTENT_READER_END_OF_STREAM
           : count == FEED_CUT ? MHD_CONTENT_READER_END_WITH_ERROR
                               : count;
}

static void close_stream(void *context)
{
    struct stream *stream = context;
    if (stream->reader != NULL)
        event_feed_leave(stream->reader);
    http_peer_release(stream->peer);
    http_credential_free(&stream->credential);
    free(stream);
}

/* ---- the request ---- */

static enum tc_error read_kinds(const struct http_request *request, unsigned *kinds, struct tc_fault *fault)
{
    size_t place = 0;
    const char *name;
    enum feed_kind kind;
    *kinds = 0;
    while ((name = http_target_next(&request->target, "kind", &place)) != NULL) {
        if (!feed_kind_parse(name, &kind))
            return tc_fault_set(fault, TC_INVALID,
                                "kind: must be rollout, group, freeze, approval, alarm, amendment or progress");
        *kinds |= FEED_KIND_BIT(kind);
    }
    if (*kinds == 0)
        *kinds = FEED_EVERY_KIND;
    return TC_OK;
}

/* The header of a browser that connects again is newer than the address that it asked. */
static enum tc_error read_position(const struct http_request *request, struct events_position *after, bool *has,
                                   bool *from_oldest, struct tc_fault *fault)
{
    const char *last = http_request_header(request, "Last-Event-ID");
    const char *text = last != NULL ? last : http_target_text(&request->target, "after");
    *from_oldest = text != NULL && strcmp(text, "oldest") == 0;
    *has = text != NULL && !*from_oldest;
    if (!*has || events_position_parse(text, after))
        return TC_OK;
    return tc_fault_set(fault, TC_INVALID, "%s: must be the id of an event, as 1-1207, or oldest",
                        last != NULL ? "Last-Event-ID" : "after");
}

static enum tc_error read_ending(const struct http_request *request, bool *ends, struct tc_fault *fault)
{
    const char *text = http_target_text(&request->target, "follow");
    *ends = text != NULL && strcmp(text, "false") == 0;
    if (text == NULL || *ends || strcmp(text, "true") == 0)
        return TC_OK;
    return tc_fault_set(fault, TC_INVALID, "follow: must be true or false");
}

static void note_device(void *context, size_t place, const char *document)
{
    (void)place, (void)document;
    *(bool *)context = true;
}

/* TC_NOT_FOUND: there is no such device that the person sees. */
static enum tc_error check_device(struct http_request *request, const char *device, const char *patterns,
                                  struct tc_fault *fault)
{
    bool is_there = false;
    struct store *store = store_pool_take(request->http->config.stores);
    enum tc_error error = event_facts_read_devices(store, &device, &patterns, 1, note_device, &is_there, fault);
    store_pool_give(request->http->config.stores, store);
    if (error == TC_OK && !is_there)
        error = tc_fault_set(fault, TC_NOT_FOUND, "unknown ID or name");
    return error;
}

static enum tc_error join(struct http_request *request, struct stream *stream, const struct feed_reader_config *config,
                          struct tc_fault *fault)
{
    struct event_feed *feed = request->http->config.events;
    struct feed_reader_config joining = *config;
    joining.person = request->subject.name;
    joining.patterns = http_request_patterns(request);
    joining.sees_reviews = stream->sight.sees_reviews;
    joining.sees_people = stream->sight.sees_people;
    joining.wait = wait_for_more;
    joining.wake = wake;
    joining.check = check;
    joining.has_gone = has_gone;
    joining.context = stream;
    return event_feed_join(feed, &joining, &stream->reader, fault);
}

static void answer(struct http_request *request, const struct feed_reader_config *config)
{
    struct tc_fault fault;
    struct stream *stream = calloc(1, sizeof *stream);
    TC_CHECK(stream != NULL);
    stream->http = request->http;
    stream->connection = request->connection;
    stream->peer = http_peer_hold(request->peer);
    http_credential_keep(request, &stream->credential);
    enum tc_error error = decide(&request->subject, &stream->sight);
    if (error == TC_OK && !request->is_head)
        error = join(request, stream, config, &fault);
    if (error != TC_OK) {
        close_stream(stream);
        http_answer_fault(request, &fault);
        return;
    }
    request->lasts = true;
    http_answer_with(request, 200,
                     MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, send_some, stream, close_stream));
    http_answer_header(request, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
    http_answer_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
}

void events_follow(struct http_request *request)
{
    struct tc_fault fault;
    struct events_position after;
    bool has_position;
    struct feed_reader_config config = {.device = http_target_text(&request->target, "device")};
    const char *patterns = http_request_patterns(request);
    if (config.device != NULL && !request->was_suspended)
        return; /* a job looks for the device */
    enum tc_error error = read_kinds(request, &config.kinds, &fault);
    if (error == TC_OK)
        error = read_position(request, &after, &has_position, &config.from_oldest, &fault);
    if (error == TC_OK)
        error = read_ending(request, &config.ends, &fault);
    if (error == TC_OK)
        error = http_target_integer(&request->target, "rollout", 1, INT64_MAX, &config.rollout, &fault);
    if (error == TC_OK && config.device != NULL)
        error = check_device(request, config.device, patterns, &fault);
    config.after = error == TC_OK && has_position ? &after : NULL;
    if (error == TC_OK)
        answer(request, &config);
    else
        http_answer_fault(request, &fault);
}
