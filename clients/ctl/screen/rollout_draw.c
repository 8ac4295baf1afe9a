#include "clients/ctl/screen/rollout_view.h"

#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

enum { BAR_LEAST = 10, BAR_MOST = 40, INDENT = 2, GAP = 2, PERCENT_WIDTH = 4, WIDTH_WHEN_UNBOUNDED = 100 };

/* The columns that all the lines share. */
struct layout {
    unsigned name, bar, counts, failed, pace;
};

static void put_counts(const struct bar_share *share, struct buffer *out)
{
    text_put_count(out, share->completed + share->failed);
    buffer_put_text(out, "/");
    text_put_count(out, share->total);
}

static void put_failed(const struct bar_share *share, struct buffer *out)
{
    if (share->failed == 0)
        return;
    text_put_count(out, share->failed);
    buffer_put_text(out, " failed");
}

/* What stands at a line's end, after a gap: how fast it goes, else the group's state. */
static void put_last(const struct group_view *group, struct buffer *out)
{
    if (group_view_moves(group)) {
        group_view_put_pace(group, "  ", out);
        return;
    }
    buffer_put_text(out, "  ");
    group_state_put(group, out);
}

static unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static void measure_group(const struct group_view *group, struct layout *layout)
{
    struct buffer text = {0};
    put_counts(&group->share, &text);
    layout->counts = larger(layout->counts, (unsigned)text.length);
    buffer_clear(&text);
    put_failed(&group->share, &text);
    layout->failed = larger(layout->failed, (unsigned)text.length);
    layout->name = larger(layout->name, text_width(group->name));
    buffer_free(&text);
}

static struct layout lay_out(const struct rollout_view *views, size_t count, const struct look *look)
{
    enum { NAME_MOST = 24, PACE_WIDTH = 22 }; /* "1,204/s  ETA 59 m 59 s" */
    struct layout layout = {.pace = PACE_WIDTH};
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < views[i].group_count; k++)
            measure_group(&views[i].groups[k], &layout);
        if (views[i].group_count == 0)
            measure_group(&views[i].all, &layout);
    }
    if (layout.name > NAME_MOST)
        layout.name = NAME_MOST;
    /* The last column stays free: what clears a line's end would take it away. */
    unsigned width = look->width == 0 ? WIDTH_WHEN_UNBOUNDED : look->width - 1;
    unsigned others = INDENT + layout.name + GAP + 1 + PERCENT_WIDTH + GAP + layout.counts +
                      (layout.failed > 0 ? GAP + layout.failed : 0);
    unsigned room = width > others ? width - others : 0;
    /* On a narrow terminal the pace gives way before the bar does. */
    if (room < BAR_LEAST + GAP + PACE_WIDTH)
        layout.pace = room > BAR_LEAST + GAP ? room - BAR_LEAST - GAP : 0;
    unsigned pace = layout.pace > 0 ? GAP + layout.pace : 0;
    layout.bar = room > BAR_LEAST + pace ? room - pace : BAR_LEAST;
    if (layout.bar > BAR_MOST)
        layout.bar = BAR_MOST;
    return layout;
}

static void put_right(const char *text, unsigned width, struct buffer *out)
{
    buffer_format(out, "%*s", (int)width, text);
}

enum tone group_state_tone(const char *state)
{
    if (strcmp(state, "passed") == 0 || strcmp(state, "completed") == 0)
        return TONE_GOOD;
    if (strcmp(state, "not_reached") == 0 || strcmp(state, "halted") == 0)
        return TONE_BAD;
    if (strcmp(state, "awaiting_approval") == 0)
        return TONE_WARN;
    if (strcmp(state, "soaking") == 0)
        return TONE_BUSY;
    return strcmp(state, "waiting") == 0 ? TONE_FAINT : TONE_PLAIN;
}

static void draw_group(const struct group_view *group, const struct layout *layout, const struct look *look,
                       struct buffer *out)
{
    struct buffer text = {0};
    buffer_format(out, "%*s", INDENT, "");
    unsigned put = text_put_clean(out, group->name, layout->name, look->utf8);
    buffer_format(out, "%*s", (int)(layout->name - put + GAP), "");
    bar_put(&group->share, layout->bar, look, out);
    buffer_format(out, " %3u%%", bar_percent(&group->share));
    put_counts(&group->share, &text);
    put_right(buffer_text(&text), GAP + layout->counts, out);
    if (layout->failed > 0) {
        buffer_clear(&text);
        put_failed(&group->share, &text);
        look_begin(look, TONE_BAD, out);
        put_right(buffer_text(&text), GAP + layout->failed, out);
        look_end(look, TONE_BAD, out);
    }
    buffer_clear(&text);
    put_last(group, &text);
    enum tone tone = group_view_moves(group) ? TONE_PLAIN : group_state_tone(group->state);
    if (layout->pace > 0) {
        look_begin(look, tone, out);
        (void)text_put_clean(out, buffer_text(&text), GAP + layout->pace, look->utf8);
        look_end(look, tone, out);
    }
    buffer_put_text(out, "\n");
    buffer_free(&text);
}

/* What stands behind a rollout's state: how far it is and how fast, what it took, why it was halted. */
static void put_summary(const struct rollout_view *view, const char *dot, struct buffer *out)
{
    const struct bar_share *share = &view->all.share;
    if (view->group_count > 1 && share->total > 0) {
        buffer_put_text(out, dot);
        text_put_count(out, share->completed + share->failed);
        buffer_put_text(out, " of ");
        text_put_count(out, share->total);
        group_view_put_pace(&view->all, dot, out);
    }
    rollout_view_put_took(view, dot, out);
    if (*view->detail != '\0')
        buffer_format(out, "%s%s", dot, view->detail);
}

static void draw_heading(const struct rollout_view *view, enum tone tone, const struct look *look, struct buffer *out)
{
    const char *dot = look->utf8 ? " · " : " - ";
    struct buffer id = {0};
    struct buffer summary = {0};
    buffer_format(&id, "%srollout %" PRId64 "%s", dot, view->id, dot);
    if (view->version > 0)
        buffer_format(&id, "version %" PRId64 "%s", view->version, dot);
    put_summary(view, dot, &summary);
    unsigned used = text_width(view->name) + text_width(buffer_text(&id)) + text_width(view->state);
    look_begin(look, TONE_STRONG, out);
    (void)text_put_clean(out, view->name, look->width, look->utf8);
    look_end(look, TONE_STRONG, out);
    if (look->width == 0 || used < look->width) {
        buffer_put_text(out, buffer_text(&id));
        look_begin(look, tone, out);
        (void)text_put_clean(out, view->state, 0, look->utf8);
        look_end(look, tone, out);
    }
    if (look->width == 0 || used + 1 < look->width)
        (void)text_put_clean(out, buffer_text(&summary), look->width == 0 ? 0 : look->width - used - 1, look->utf8);
    buffer_put_text(out, "\n");
    buffer_free(&id);
    buffer_free(&summary);
}

/* An empty line between rollouts, when the terminal has the room. */
static bool has_room_between(const struct rollout_view *views, size_t count, const struct look *look)
{
    size_t lines = count;
    for (size_t i = 0; i < count; i++)
        lines += 1 + (views[i].group_count == 0 ? 1 : views[i].group_count);
    return look->height == 0 || lines < look->height;
}

void rollout_views_draw(const struct rollout_view *views, size_t count, enum tone (*state_tone)(const char *state),
                        const struct look *look, struct buffer *out)
{
    struct layout layout = lay_out(views, count, look);
    bool spaced = has_room_between(views, count, look);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && spaced)
            buffer_put_text(out, "\n");
        draw_heading(&views[i], state_tone(views[i].state), look, out);
        for (size_t k = 0; k < views[i].group_count; k++)
            draw_group(&views[i].groups[k], &layout, look, out);
        if (views[i].group_count == 0 && views[i].all.share.total > 0)
            draw_group(&views[i].all, &layout, look, out);
    }
}
