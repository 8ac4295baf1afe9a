#include "clients/ctl/screen/rollout_view.h"

#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

enum { BAR_LEAST = 10, BAR_MOST = 40, INDENT = 2, GAP = 2, PERCENT_WIDTH = 4, WIDTH_WHEN_UNBOUNDED = 100 };

/* The column widths of all lines. */
struct layout {
    unsigned name, bar, counts, failed, rate; /* failed: all outcomes except success */
};

static void put_counts(const struct rollout_share *share, struct buffer *out)
{
    text_put_count(out, rollout_share_ended(share));
    buffer_put_text(out, "/");
    text_put_count(out, share->bar.total);
}

/* Writes the end of a line: the group's rate, else its state. */
static void put_rate_or_state(const struct group_view *group, struct buffer *out)
{
    if (group_view_has_rate(group)) {
        group_view_put_rate(group, "  ", out);
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
    rollout_share_put(&group->share, "", ", ", &text);
    layout->failed = larger(layout->failed, (unsigned)text.length);
    layout->name = larger(layout->name, text_width(group->name));
    buffer_free(&text);
}

static struct layout lay_out(const struct rollout_view *views, size_t count, const struct screen *screen)
{
    enum { NAME_MOST = 24, RATE_WIDTH = 22 }; /* "soaks to 12-03 04:00Z" */
    struct layout layout = {.rate = RATE_WIDTH};
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < views[i].group_count; k++)
            measure_group(&views[i].groups[k], &layout);
        if (views[i].group_count == 0)
            measure_group(&views[i].all, &layout);
    }
    if (layout.name > NAME_MOST)
        layout.name = NAME_MOST;
    /* Keeps the last column free: clearing the rest of the line would erase it. */
    unsigned width = screen->width == 0 ? WIDTH_WHEN_UNBOUNDED : screen->width - 1;
    unsigned others = INDENT + layout.name + GAP + 1 + PERCENT_WIDTH + GAP + layout.counts +
                      (layout.failed > 0 ? GAP + layout.failed : 0);
    unsigned space = width > others ? width - others : 0;
    /* A narrow terminal shortens the rate before the bar. */
    if (space < BAR_LEAST + GAP + RATE_WIDTH)
        layout.rate = space > BAR_LEAST + GAP ? space - BAR_LEAST - GAP : 0;
    unsigned rate = layout.rate > 0 ? GAP + layout.rate : 0;
    layout.bar = space > BAR_LEAST + rate ? space - rate : BAR_LEAST;
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
    if (strcmp(state, "awaiting_approval") == 0 || strcmp(state, "cancelled") == 0)
        return TONE_WARN;
    if (strcmp(state, "soaking") == 0)
        return TONE_BUSY;
    return strcmp(state, "waiting") == 0 ? TONE_FAINT : TONE_PLAIN;
}

static void draw_group(const struct group_view *group, const struct layout *layout, const struct screen *screen,
                       struct buffer *out)
{
    struct buffer text = {0};
    buffer_format(out, "%*s", INDENT, "");
    unsigned put = text_put_clean(out, group->name, layout->name, screen->utf8);
    buffer_format(out, "%*s", (int)(layout->name - put + GAP), "");
    bar_put(&group->share.bar, layout->bar, screen, out);
    buffer_format(out, " %3u%%", bar_percent(&group->share.bar));
    put_counts(&group->share, &text);
    put_right(buffer_text(&text), GAP + layout->counts, out);
    if (layout->failed > 0) {
        buffer_clear(&text);
        rollout_share_put(&group->share, "", ", ", &text);
        enum tone tone = group->share.bar.failed > 0 ? TONE_BAD : TONE_WARN;
        screen_begin_tone(screen, tone, out);
        put_right(buffer_text(&text), GAP + layout->failed, out);
        screen_end_tone(screen, tone, out);
    }
    buffer_clear(&text);
    put_rate_or_state(group, &text);
    enum tone tone = group_view_has_rate(group) ? TONE_PLAIN : group_state_tone(group->state);
    if (layout->rate > 0) {
        screen_begin_tone(screen, tone, out);
        (void)text_put_clean(out, buffer_text(&text), GAP + layout->rate, screen->utf8);
        screen_end_tone(screen, tone, out);
    }
    buffer_put_text(out, "\n");
    buffer_free(&text);
}

/* Writes the text after a rollout's state: progress, rate, duration, and why it was halted. */
static void put_summary(const struct rollout_view *view, const char *dot, struct buffer *out)
{
    const struct rollout_share *share = &view->all.share;
    if (view->group_count > 1 && share->bar.total > 0) {
        buffer_put_text(out, dot);
        text_put_count(out, rollout_share_ended(share));
        buffer_put_text(out, " of ");
        text_put_count(out, share->bar.total);
        group_view_put_rate(&view->all, dot, out);
    }
    rollout_view_put_eta(view, dot, out);
    rollout_view_put_duration(view, dot, out);
    if (*view->detail != '\0')
        buffer_format(out, "%s%s", dot, view->detail);
}

static void draw_heading(const struct rollout_view *view, enum tone tone, const struct screen *screen,
                         struct buffer *out)
{
    const char *dot = screen->utf8 ? " · " : " - ";
    struct buffer id = {0};
    struct buffer summary = {0};
    buffer_format(&id, "%srollout %" PRId64 "%s", dot, view->id, dot);
    if (view->version > 0)
        buffer_format(&id, "version %" PRId64 "%s", view->version, dot);
    put_summary(view, dot, &summary);
    unsigned used = text_width(view->name) + text_width(buffer_text(&id)) + text_width(view->state);
    screen_begin_tone(screen, TONE_STRONG, out);
    (void)text_put_clean(out, view->name, screen->width, screen->utf8);
    screen_end_tone(screen, TONE_STRONG, out);
    if (screen->width == 0 || used < screen->width) {
        buffer_put_text(out, buffer_text(&id));
        screen_begin_tone(screen, tone, out);
        (void)text_put_clean(out, view->state, 0, screen->utf8);
        screen_end_tone(screen, tone, out);
    }
    if (screen->width == 0 || used + 1 < screen->width)
        (void)text_put_clean(out, buffer_text(&summary), screen->width == 0 ? 0 : screen->width - used - 1,
                             screen->utf8);
    buffer_put_text(out, "\n");
    buffer_free(&id);
    buffer_free(&summary);
}

/* Returns whether the terminal has space for an empty line between rollouts. */
static bool has_space_between(const struct rollout_view *views, size_t count, const struct screen *screen)
{
    size_t lines = count;
    for (size_t i = 0; i < count; i++)
        lines += 1 + (views[i].group_count == 0 ? 1 : views[i].group_count);
    return screen->height == 0 || lines < screen->height;
}

void rollout_views_draw(const struct rollout_view *views, size_t count, enum tone (*state_tone)(const char *state),
                        const struct screen *screen, struct buffer *out)
{
    struct layout layout = lay_out(views, count, screen);
    bool spaced = has_space_between(views, count, screen);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && spaced)
            buffer_put_text(out, "\n");
        draw_heading(&views[i], state_tone(views[i].state), screen, out);
        for (size_t k = 0; k < views[i].group_count; k++)
            draw_group(&views[i].groups[k], &layout, screen, out);
        if (views[i].group_count == 0 && views[i].all.share.bar.total > 0)
            draw_group(&views[i].all, &layout, screen, out);
    }
}
