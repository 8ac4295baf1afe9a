/* A feed without events, which ends each stream at once. */
#include "orchestrator/events/event_feed.h"
#include "orchestrator/store/event_facts.h"
#include "tests/unit/http_stubs.h"

bool events_position_parse(const char *text, struct events_position *position)
{
    (void)text;
    *position = (struct events_position){1, 1};
    return true;
}

enum tc_error event_facts_read_devices(struct store *store, const char *const *devices, const char *const *patterns,
                                       size_t count, event_facts_take_device *take, void *context,
                                       struct tc_fault *fault)
{
    (void)store, (void)devices, (void)patterns, (void)count, (void)take, (void)context, (void)fault;
    return TC_OK;
}

bool feed_kind_parse(const char *name, enum feed_kind *kind)
{
    (void)name;
    *kind = FEED_ROLLOUT;
    return true;
}

enum tc_error event_feed_join(struct event_feed *feed, const struct feed_reader_config *config,
                              struct feed_reader **reader, struct tc_fault *fault)
{
    static char a_reader;
    (void)feed;
    http_fixture_note_patterns(config->patterns);
    if (http_fixture_store_answers != TC_OK)
        return tc_fault_set(fault, http_fixture_store_answers, "the store says no");
    *reader = (struct feed_reader *)(void *)&a_reader;
    return TC_OK;
}

ssize_t event_feed_take(struct feed_reader *reader, char *bytes, size_t size)
{
    (void)reader, (void)bytes, (void)size;
    return FEED_END;
}

void event_feed_leave(struct feed_reader *reader)
{
    (void)reader;
}

void event_feed_end(struct event_feed *feed)
{
    (void)feed;
}
