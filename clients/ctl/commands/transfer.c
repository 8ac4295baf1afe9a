#include "clients/ctl/commands/transfer.h"

#include "base/clock.h"
#include "clients/ctl/screen/text.h"

enum { DRAW_PERIOD_MS = 100 };

void transfer_start(struct transfer *transfer, const struct session *session, const char *what, int64_t total_bytes)
{
    *transfer = (struct transfer){.session = session, .what = what, .total = total_bytes};
}

static void put_line(const struct transfer *transfer, int64_t bytes, const struct screen *screen, struct buffer *out)
{
    const struct bar_share share = {.completed = bytes, .total = transfer->total};
    double rate = meter_rate(&transfer->meter);
    buffer_format(out, "%s  ", transfer->what);
    bar_put(&share, screen->width >= 72 ? 30 : 10, screen, out);
    buffer_format(out, " %3u%%  ", bar_percent(&share));
    text_put_size(out, bytes);
    buffer_put_text(out, " of ");
    text_put_size(out, transfer->total);
    if (rate > 0 && screen->width >= 72) {
        buffer_put_text(out, "  ");
        text_put_size(out, (int64_t)rate);
        buffer_put_text(out, "/s");
    }
}

void transfer_move(struct transfer *transfer, int64_t bytes)
{
    const struct screen *screen = &transfer->session->err;
    int64_t now_ms = clock_monotonic_ms();
    if (transfer->session->quiet || !screen->terminal || now_ms - transfer->drawn_at_ms < DRAW_PERIOD_MS)
        return;
    struct buffer line = {0};
    meter_feed(&transfer->meter, now_ms, bytes);
    buffer_put_text(&line, "\r");
    put_line(transfer, bytes, screen, &line);
    buffer_put_text(&line, "\033[K");
    (void)fwrite(buffer_text(&line), 1, line.length, stderr);
    buffer_free(&line);
    transfer->drawn_at_ms = now_ms;
    transfer->drawn = true;
}

void transfer_end(struct transfer *transfer)
{
    if (transfer->drawn)
        (void)fputs("\r\033[K", stderr);
    transfer->drawn = false;
}
