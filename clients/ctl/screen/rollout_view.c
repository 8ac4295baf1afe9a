#include "clients/ctl/screen/rollout_view.h"

#include "base/clock.h"
#include "base/fault.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t sum(const json_t *counts, const char *const *states, size_t count)
{
    int64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += json_integer_value(json_object_get(counts, states[i]));
    return total;
}

struct bar_share rollout_share_read(const json_t *counts, int64_t total)
{
    static const char *const completed[] = {"completed"};
    static const char *const failed[] = {"failed", "rejected", "timed_out", "cancelled", "expired"};
    static const char *const under_way[] = {"dispatched", "sent", "received", "installing"};
    return (struct bar_share){
        .completed = sum(counts, completed, sizeof completed / sizeof *completed),
        .failed = sum(counts, failed, sizeof failed / sizeof *failed),
        .under_way = sum(counts, under_way, sizeof under_way / sizeof *under_way),
        .total = total,
    };
}

static void copy_text(char *to, size_t size, const json_t *document, const char *key)
{
    const char *text = json_string_value(json_object_get(document, key));
    (void)snprintf(to, size, "%s", text == NULL ? "" : text);
}

static bool read_time(const json_t *document, const char *key, int64_t *time_ms)
{
    const char *text = json_string_value(json_object_get(document, key));
    return text != NULL && clock_parse(text, strlen(text), time_ms);
}

int64_t group_soaks_until_ms(const json_t *group)
{
    const char *state = json_string_value(json_object_get(group, "state"));
    int64_t settled_ms;
    if (state == NULL || strcmp(state, "soaking") != 0 || !read_time(group, "settled_at", &settled_ms))
        return -1;
    return settled_ms + json_integer_value(json_object_get(group, "soak_s")) * 1000;
}

void group_state_put(const struct group_view *group, struct buffer *out)
{
    char until[TC_TIME_TEXT_SIZE];
    if (group->soaks_until_ms >= 0) {
        clock_format(group->soaks_until_ms, until);
        buffer_format(out, "soaks to %.5s %.5sZ", until + strlen("2026-"), until + strlen("2026-12-03T"));
        return;
    }
    for (const char *c = group->state; *c != '\0'; c++)
        buffer_put(out, *c == '_' ? " " : c, 1);
}

bool group_waits_for_person(const json_t *group)
{
    const char *state = json_string_value(json_object_get(group, "state"));
    return state != NULL && strcmp(state, "awaiting_approval") == 0 && !json_is_true(json_object_get(group, "decided"));
}

static void read_group(struct group_view *group, const json_t *document, int64_t now_ms)
{
    copy_text(group->name, sizeof group->name, document, "name");
    copy_text(group->state, sizeof group->state, document, "state");
    group->soaks_until_ms = group_soaks_until_ms(document);
    group->waits = group_waits_for_person(document);
    group->share = rollout_share_read(json_object_get(document, "counts"),
                                      json_integer_value(json_object_get(document, "devices")));
    meter_feed(&group->meter, now_ms, group->share.completed + group->share.failed);
}

static uint32_t stage_of(const struct rollout_view *view)
{
    enum { FACTOR = 31 };
    uint32_t stage = 0;
    for (size_t i = 0; i < view->group_count; i++) {
        const struct group_view *group = &view->groups[i];
        stage = stage * FACTOR + (strcmp(group->state, "soaking") == 0) + 2U * group->waits;
    }
    return stage;
}

static bool waits_for_person(const struct rollout_view *view)
{
    bool waits = false;
    for (size_t i = 0; i < view->group_count; i++) {
        const char *state = view->groups[i].state;
        if (strcmp(state, "open") == 0 || strcmp(state, "soaking") == 0)
            return false;
        waits = waits || view->groups[i].waits;
    }
    return waits && strcmp(view->state, "running") == 0;
}

bool rollout_view_read(struct rollout_view *view, const json_t *document, int64_t now_ms)
{
    const json_t *id = json_object_get(document, "rollout");
    const json_t *groups = json_object_get(document, "groups");
    if (!json_is_integer(id) || !json_is_string(json_object_get(document, "state")))
        return false;
    view->id = json_integer_value(id);
    copy_text(view->detail, sizeof view->detail, document, "detail");
    read_group(&view->all, document, now_ms);
    memcpy(view->name, view->all.name, sizeof view->name);
    memcpy(view->state, view->all.state, sizeof view->state);
    int64_t first_ms, last_ms;
    bool ended = read_time(document, "first_start_at", &first_ms) && read_time(document, "last_completed_at", &last_ms);
    view->took_ms = ended && last_ms >= first_ms ? last_ms - first_ms : -1;

    size_t count = json_array_size(groups);
    if (count != view->group_count) {
        free(view->groups);
        view->groups = calloc(count == 0 ? 1 : count, sizeof *view->groups);
        TC_CHECK(view->groups != NULL);
        view->group_count = count;
    }
    for (size_t i = 0; i < count; i++)
        read_group(&view->groups[i], json_array_get(groups, i), now_ms);
    view->version = json_integer_value(json_object_get(document, "version"));
    view->stage = stage_of(view);
    view->waits = waits_for_person(view);
    return true;
}

void rollout_view_free(struct rollout_view *view)
{
    free(view->groups);
    *view = (struct rollout_view){0};
}

bool group_view_moves(const struct group_view *group)
{
    bool open = strcmp(group->state, "running") == 0 || strcmp(group->state, "open") == 0;
    return open && bar_left(&group->share) > 0 && meter_rate(&group->meter) > 0;
}

void group_view_put_pace(const struct group_view *group, const char *between, struct buffer *out)
{
    if (!group_view_moves(group))
        return;
    buffer_put_text(out, between);
    text_put_rate(out, meter_rate(&group->meter));
    buffer_format(out, "/s%sETA ", between);
    text_put_duration(out, meter_eta_ms(&group->meter, bar_left(&group->share)));
}

void rollout_view_put_took(const struct rollout_view *view, const char *between, struct buffer *out)
{
    if (view->took_ms < 0)
        return;
    buffer_format(out, "%sin ", between);
    if (view->took_ms < 10000)
        buffer_format(out, "%.1f s", (double)view->took_ms / 1000);
    else
        text_put_duration(out, view->took_ms);
    if (view->took_ms > 0) {
        buffer_put_text(out, between);
        text_put_rate(out, (double)view->all.share.completed * 1000 / (double)view->took_ms);
        buffer_put_text(out, "/s");
    }
}

void rollout_view_tell(const struct rollout_view *view, struct buffer *out)
{
    const struct bar_share *share = &view->all.share;
    buffer_format(out, "%s (rollout %" PRId64 "): %s, ", view->name, view->id, view->state);
    text_put_count(out, share->completed + share->failed);
    buffer_put_text(out, " of ");
    text_put_count(out, share->total);
    buffer_put_text(out, " ended");
    if (share->failed > 0) {
        buffer_put_text(out, ", ");
        text_put_count(out, share->failed);
        buffer_put_text(out, " failed");
    }
    group_view_put_pace(&view->all, ", ", out);
    rollout_view_put_took(view, ", ", out);
    if (*view->detail != '\0') {
        buffer_put_text(out, ": ");
        (void)text_put_clean(out, view->detail, 0, true);
    }
    for (size_t i = 0; i < view->group_count; i++) {
        const struct group_view *group = &view->groups[i];
        if (!group->waits && group->soaks_until_ms < 0)
            continue;
        buffer_format(out, "; group %s %s", group->name, group->soaks_until_ms < 0 ? "is " : "");
        group_state_put(group, out);
    }
}
