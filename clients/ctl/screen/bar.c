#include "clients/ctl/screen/bar.h"

static const int64_t meter_window_ms = 10000;
enum { METER_SPACING_MS = 400 };

struct piece {
    int64_t count;
    enum tone tone;
    const char *utf8, *ascii;
};

static void put_repeated(struct buffer *out, const char *text, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        buffer_put_text(out, text);
}

/* Returns the column where `so_far` of `total` ends. Leaves one column for each later share that is not empty. */
static unsigned column_of(int64_t so_far, int64_t total, unsigned width, unsigned later)
{
    unsigned column = so_far >= total ? width : (unsigned)((double)so_far / (double)total * width);
    unsigned most = width > later ? width - later : 0;
    return column > most ? most : column;
}

void bar_put(const struct bar_share *share, unsigned width, const struct screen *screen, struct buffer *out)
{
    int64_t waiting = share->total - share->completed - share->failed - share->under_way;
    const struct piece pieces[] = {
        {share->completed, TONE_GOOD, "█", "#"},
        {share->failed, TONE_BAD, "█", "!"},
        {share->under_way, TONE_BUSY, "▒", "="},
        {waiting, TONE_FAINT, "░", "."},
    };
    enum { PIECES = sizeof pieces / sizeof *pieces };
    unsigned later = 0;
    for (unsigned i = 0; i < PIECES; i++)
        later += pieces[i].count > 0;
    bool brackets = !screen->utf8 && width > 2;
    unsigned space = brackets ? width - 2 : width;
    unsigned drawn = 0;
    int64_t so_far = 0;
    if (brackets)
        buffer_put_text(out, "[");
    for (unsigned i = 0; i < PIECES; i++) {
        if (pieces[i].count <= 0 && (i + 1 < PIECES || share->total > 0))
            continue;
        later -= pieces[i].count > 0;
        so_far += pieces[i].count;
        unsigned end = column_of(so_far, share->total, space, later);
        if (end <= drawn && drawn < space)
            end = drawn + 1;
        screen_begin_tone(screen, pieces[i].tone, out);
        put_repeated(out, screen->utf8 ? pieces[i].utf8 : pieces[i].ascii, end - drawn);
        screen_end_tone(screen, pieces[i].tone, out);
        drawn = end;
    }
    if (brackets)
        buffer_put_text(out, "]");
}

int64_t bar_left(const struct bar_share *share)
{
    return share->total - share->completed - share->failed - share->never;
}

unsigned bar_percent(const struct bar_share *share)
{
    int64_t ended = share->completed + share->failed;
    if (ended >= share->total)
        return 100;
    return (unsigned)((double)ended / (double)share->total * 100);
}

void meter_feed(struct meter *meter, int64_t now_ms, int64_t count)
{
    unsigned last = (meter->next + METER_SAMPLES - 1) % METER_SAMPLES;
    /* Replaces the newest sample while it is young: the window keeps its length at any drawing frequency. */
    unsigned before = (last + METER_SAMPLES - 1) % METER_SAMPLES;
    bool young = meter->used >= 2 && now_ms - meter->samples[before].at_ms < METER_SPACING_MS;
    unsigned at = young ? last : meter->next;
    meter->samples[at].at_ms = now_ms;
    meter->samples[at].count = count;
    if (young)
        return;
    meter->next = (meter->next + 1) % METER_SAMPLES;
    if (meter->used < METER_SAMPLES)
        meter->used++;
}

double meter_rate(const struct meter *meter)
{
    if (meter->used < 2)
        return 0;
    unsigned newest = (meter->next + METER_SAMPLES - 1) % METER_SAMPLES;
    unsigned oldest = newest;
    for (unsigned back = 1; back < meter->used; back++) {
        unsigned i = (newest + METER_SAMPLES - back) % METER_SAMPLES;
        if (meter->samples[newest].at_ms - meter->samples[i].at_ms > meter_window_ms)
            break;
        oldest = i;
    }
    /* Skips idle time at the start: it does not count for the current rate. */
    while (oldest != newest && meter->samples[(oldest + 1) % METER_SAMPLES].count == meter->samples[oldest].count)
        oldest = (oldest + 1) % METER_SAMPLES;
    int64_t span_ms = meter->samples[newest].at_ms - meter->samples[oldest].at_ms;
    int64_t counted = meter->samples[newest].count - meter->samples[oldest].count;
    return span_ms <= 0 || counted <= 0 ? 0 : (double)counted * 1000 / (double)span_ms;
}
