/* The guard's status: counters for people, and for orchestrators what became of the table that they sent. */
#include "base/clock.h"
#include "guard/guard_state.h"
#include "topics/json_text.h"

#include <inttypes.h>

uint64_t guard_status_changes(const struct guard *guard)
{
    return guard->status_changes;
}

static void put_table(const struct guard *guard, struct buffer *out)
{
    struct directory_facts facts = directory_facts(guard->directory);
    buffer_put_text(out, ",\"table\":{");
    if (facts.generation[0] != '\0')
        buffer_format(out, "\"generation\":\"%s\",", facts.generation);
    buffer_format(out, "\"sequence\":%" PRId64 ",\"devices\":%zu,\"retired\":%zu,\"revoked\":%zu", facts.sequence,
                  facts.devices, facts.retired, facts.revoked);
    if (guard->directory_fault[0] != '\0') {
        buffer_put_text(out, ",\"fault\":");
        json_text_put(out, guard->directory_fault);
    }
    buffer_put_text(out, "}");
}

/* A name is an ID, or a kind, a colon and an ID: it needs no escapes. */
static void put_bare(const struct bare_count *bare, const char *key, int64_t now_ms, int64_t now_real_ms,
                     struct buffer *out)
{
    buffer_format(out, ",\"%s\":{\"connected\":%zu", key, bare->connected);
    int64_t last_ms = bare->connected > 0 ? now_ms : bare->last_ms;
    if (last_ms > 0) {
        char last[TC_TIME_TEXT_SIZE];
        clock_format(now_real_ms - (now_ms - last_ms), last);
        buffer_format(out, ",\"last\":\"%s\",\"name\":\"%s\"", last, bare->last);
    }
    buffer_put_text(out, "}");
}

static void put_connected(const struct guard *guard, int64_t now_ms, int64_t now_real_ms, struct buffer *out)
{
    buffer_put_text(out, ",\"connected\":{");
    for (int kind = 0; kind < IDENTITY_SERVER; kind++)
        buffer_format(out, "%s\"%s\":%zu", kind == 0 ? "" : ",", identity_kind_name((enum identity_kind)kind),
                      guard->connected[kind]);
    buffer_put_text(out, "}");
    put_bare(&guard->bare_devices, "devices_without_certificate", now_ms, now_real_ms, out);
    put_bare(&guard->bare_others, "others_without_certificate", now_ms, now_real_ms, out);
}

static void put_counters(const struct guard *guard, struct buffer *out)
{
    const char *comma = "";
    buffer_format(out, ",\"allowed\":%" PRIu64 ",\"denied\":{", guard->allowed);
    for (int denial = DENIAL_NONE + 1; denial < DENIALS; denial++) {
        if (guard->denied[denial] == 0)
            continue;
        buffer_format(out, "%s\"%s\":%" PRIu64, comma, denial_name((enum denial)denial), guard->denied[denial]);
        comma = ",";
    }
    buffer_put_text(out, "},\"denied_by_kind\":{");
    for (int kind = 0; kind < IDENTITY_SERVER; kind++)
        buffer_format(out, "%s\"%s\":%" PRIu64, kind == 0 ? "" : ",", identity_kind_name((enum identity_kind)kind),
                      guard->denied_by_kind[kind]);
    buffer_put_text(out, "}");
}

void guard_write_status(const struct guard *guard, int64_t now_ms, int64_t now_real_ms, struct buffer *out)
{
    char at[TC_TIME_TEXT_SIZE], since[TC_TIME_TEXT_SIZE];
    clock_format(now_real_ms, at);
    clock_format(now_real_ms - (now_ms - guard->config.opened_ms), since);
    buffer_format(out, "{\"version\":1,\"mode\":\"%s\",\"at\":\"%s\"", guard->config.enforces ? "enforce" : "report",
                  at);
    if (guard->config.is_insecure)
        buffer_put_text(out, ",\"insecure_loopback\":true");
    buffer_format(out, ",\"since\":\"%s\"", since);
    put_table(guard, out);
    put_connected(guard, now_ms, now_real_ms, out);
    put_counters(guard, out);
    buffer_put_text(out, "}");
}
