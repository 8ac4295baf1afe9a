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

struct rollout_share rollout_share_read(const json_t *document)
{
    static const char *const completed[] = {"completed"};
    static const char *const failed[] = {"failed", "timed_out"};
    static const char *const refused[] = {"rejected"};
    static const char *const not_started[] = {"cancelled", "expired"};
    static const char *const under_way[] = {"dispatched", "sent", "received", "installing"};
    const json_t *counts = json_object_get(document, "counts");
    int64_t given_up = sum(json_object_get(document, "given_up"), failed, sizeof failed / sizeof *failed);
    struct rollout_share share = {
        .failed = sum(counts, failed, sizeof failed / sizeof *failed) + given_up,
        .refused = sum(counts, refused, sizeof refused / sizeof *refused),
        .not_started = sum(counts, not_started, sizeof not_started / sizeof *not_started) - given_up,
        .retrying = sum(json_object_get(document, "retrying"), failed, sizeof failed / sizeof *failed),
    };
    share.bar = (struct bar_share){
        .completed = sum(counts, completed, sizeof completed / sizeof *completed),
        .failed = share.failed + share.refused,
        .under_way = sum(counts, under_way, sizeof under_way / sizeof *under_way),
        .total = json_integer_value(json_object_get(document, "devices")),
        .never = share.not_started,
    };
    return share;
}

int64_t rollout_share_ended(const struct rollout_share *share)
{
    return share->bar.completed + share->bar.failed;
}

void rollout_share_put(const struct rollout_share *share, const char *before, const char *between, struct buffer *out)
{
    const struct {
        int64_t count;
        const char *what;
    } parts[] = {
        {share->failed, " failed"},
        {share->refused, " refused"},
        {share->not_started, " not started"},
        {share->retrying, " to be retried"},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].count == 0)
            continue;
        buffer_put_text(out, before);
        text_put_count(out, parts[i].count);
        buffer_put_text(out, parts[i].what);
        before = between;
    }
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
    int64_t since_ms;
    bool soaks = state != NULL && strcmp(state, "soaking") == 0;
    if (!soaks || !(read_time(group, "reached_at", &since_ms) || read_time(group, "settled_at", &since_ms)))
        return -1;
    return since_ms + json_integer_value(json_object_get(group, "soak_s")) * 1000;
}

void group_state_put(const struct group_view *group, struct buffer *out)
{
    char until[TC_TIME_TEXT_SIZE];
    if (group->soaks_until_ms >= 0) {
        clock_format(group->soaks_until_ms, until);
        buffer_format(out, "soaks to %.5s %.5sZ", until + strlen("2026-"), until + strlen("2026-12-03T"));
        return;
    }
    text_put_name(out, group->state);
}

bool group_awaits_approval(const json_t *group, const char *rollout_state)
{
    const char *state = json_string_value(json_object_get(group, "state"));
    bool goes_on = strcmp(rollout_state, "running") == 0 || strcmp(rollout_state, "paused") == 0;
    bool waits = json_is_true(json_object_get(group, "awaits_approval")) ||
                 (state != NULL && strcmp(state, "awaiting_approval") == 0);
    return goes_on && waits;
}

bool group_awaits_decision(const json_t *group, const char *rollout_state)
{
    return group_awaits_approval(group, rollout_state) && !json_is_true(json_object_get(group, "decided"));
}

static bool is_any(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0)
            return true;
    }
    return false;
}

const char *group_state_shown(const json_t *group, const char *rollout_state)
{
    static const char *const given_up[] = {"cancelling", "cancelled", "rejected"};
    static const char *const ends[] = {"passed", "not_reached"};
    const char *state = json_string_value(json_object_get(group, "state"));
    if (state == NULL)
        return "";
    bool is_over = is_any(rollout_state, given_up, sizeof given_up / sizeof *given_up);
    return is_over && !is_any(state, ends, sizeof ends / sizeof *ends) ? "cancelled" : state;
}

static void read_group(struct group_view *group, const json_t *document, const char *rollout_state, int64_t now_ms)
{
    copy_text(group->name, sizeof group->name, document, "name");
    (void)snprintf(group->state, sizeof group->state, "%s", group_state_shown(document, rollout_state));
    bool is_over = strcmp(group->state, "cancelled") == 0;
    group->runs = strcmp(rollout_state, "running") == 0;
    group->soaks_until_ms = is_over ? -1 : group_soaks_until_ms(document);
    group->waits = group_awaits_decision(document, rollout_state);
    group->share = rollout_share_read(document);
    meter_feed(&group->meter, now_ms, rollout_share_ended(&group->share));
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
        const struct group_view *group = &view->groups[i];
        bool goes_on = strcmp(group->state, "open") == 0 || strcmp(group->state, "soaking") == 0;
        if (goes_on && !group->waits)
            return false;
        waits = waits || group->waits;
    }
    return waits && strcmp(view->state, "running") == 0;
}

/* Returns the time left of a running rollout; both times are the server's. */
static int64_t read_time_left(const json_t *document)
{
    const char *state = json_string_value(json_object_get(document, "state"));
    int64_t end_ms, at_ms;
    bool forecast = strcmp(state, "running") == 0 && read_time(document, "forecast_end_at", &end_ms) &&
                    read_time(document, "at", &at_ms);
    return forecast && end_ms > at_ms ? end_ms - at_ms : -1;
}

bool rollout_view_read(struct rollout_view *view, const json_t *document, int64_t now_ms)
{
    const json_t *id = json_object_get(document, "rollout");
    const json_t *groups = json_object_get(document, "groups");
    if (!json_is_integer(id) || !json_is_string(json_object_get(document, "state")))
        return false;
    view->id = json_integer_value(id);
    copy_text(view->state, sizeof view->state, document, "state");
    copy_text(view->detail, sizeof view->detail, document, "detail");
    read_group(&view->all, document, view->state, now_ms);
    memcpy(view->all.state, view->state, sizeof view->state);
    memcpy(view->name, view->all.name, sizeof view->name);
    view->left_ms = read_time_left(document);
    int64_t first_ms, last_ms;
    bool ended = read_time(document, "first_start_at", &first_ms) && read_time(document, "last_completed_at", &last_ms);
    view->duration_ms = ended && last_ms >= first_ms ? last_ms - first_ms : -1;

    size_t count = json_array_size(groups);
    if (count != view->group_count) {
        free(view->groups);
        view->groups = calloc(count == 0 ? 1 : count, sizeof *view->groups);
        TC_CHECK(view->groups != NULL);
        view->group_count = count;
    }
    for (size_t i = 0; i < count; i++)
        read_group(&view->groups[i], json_array_get(groups, i), view->state, now_ms);
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

bool group_view_has_rate(const struct group_view *group)
{
    bool open = strcmp(group->state, "running") == 0 || strcmp(group->state, "open") == 0;
    return group->runs && open && bar_left(&group->share.bar) > 0 && meter_rate(&group->meter) > 0;
}

void group_view_put_rate(const struct group_view *group, const char *between, struct buffer *out)
{
    if (!group_view_has_rate(group))
        return;
    buffer_put_text(out, between);
    text_put_rate(out, meter_rate(&group->meter));
    buffer_put_text(out, "/s");
}

void rollout_view_put_eta(const struct rollout_view *view, const char *between, struct buffer *out)
{
    if (view->left_ms < 0)
        return;
    buffer_format(out, "%sETA ", between);
    text_put_duration(out, view->left_ms);
}

void rollout_view_put_duration(const struct rollout_view *view, const char *between, struct buffer *out)
{
    if (view->duration_ms < 0)
        return;
    buffer_format(out, "%sin ", between);
    if (view->duration_ms < 10000)
        buffer_format(out, "%.1f s", (double)view->duration_ms / 1000);
    else
        text_put_duration(out, view->duration_ms);
    if (view->duration_ms > 0) {
        buffer_put_text(out, between);
        text_put_rate(out, (double)view->all.share.bar.completed * 1000 / (double)view->duration_ms);
        buffer_put_text(out, "/s");
    }
}

void rollout_view_describe(const struct rollout_view *view, struct buffer *out)
{
    const struct rollout_share *share = &view->all.share;
    buffer_format(out, "%s (rollout %" PRId64 "): %s, ", view->name, view->id, view->state);
    text_put_count(out, rollout_share_ended(share));
    buffer_put_text(out, " of ");
    text_put_count(out, share->bar.total);
    buffer_put_text(out, " ended");
    rollout_share_put(share, ", ", ", ", out);
    group_view_put_rate(&view->all, ", ", out);
    rollout_view_put_eta(view, ", ", out);
    rollout_view_put_duration(view, ", ", out);
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
