#include "clients/ctl/screen/text.h"

#include "base/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static const int64_t ms_per_second = 1000;
static const int64_t ms_per_minute = 60 * ms_per_second;
static const int64_t ms_per_hour = 60 * ms_per_minute;
static const int64_t ms_per_day = 24 * ms_per_hour;

/* One character: its bytes in the source, its columns, and whether it may be shown. */
struct shown {
    size_t length;
    unsigned width;
    bool clean;
};

static struct shown read_character(const char *text)
{
    size_t length;
    if (utf8_begins_unsafe(text, &length))
        return (struct shown){length, 1, false};
    int width = wcwidth((wchar_t)utf8_code_point(text, length));
    return (struct shown){length, width < 0 ? 1 : (unsigned)width, true};
}

unsigned text_width(const char *text)
{
    unsigned width = 0;
    while (*text != '\0') {
        struct shown shown = read_character(text);
        width += shown.width;
        text += shown.length;
    }
    return width;
}

unsigned text_put_clean(struct buffer *out, const char *text, unsigned width, bool utf8)
{
    bool cut = width > 0 && text_width(text) > width;
    unsigned space = cut ? width - 1 : width;
    unsigned put = 0;
    while (*text != '\0') {
        struct shown shown = read_character(text);
        if (width > 0 && put + shown.width > space)
            break;
        if (shown.clean && (utf8 || shown.length == 1))
            buffer_put(out, text, shown.length);
        else
            buffer_put(out, "????", shown.width);
        put += shown.width;
        text += shown.length;
    }
    if (cut) {
        buffer_put_text(out, utf8 ? "…" : "~");
        put++;
    }
    return put;
}

void text_put_name(struct buffer *out, const char *name)
{
    for (; *name != '\0'; name++)
        buffer_put(out, *name == '_' ? " " : name, 1);
}

void text_put_count(struct buffer *out, int64_t count)
{
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%" PRId64, count);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
            buffer_put_text(out, ",");
        buffer_put(out, &digits[i], 1);
    }
}

void text_put_size(struct buffer *out, int64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double size = (double)bytes;
    size_t unit = 0;
    while (size >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        size /= 1024;
        unit++;
    }
    buffer_format(out, unit == 0 || size >= 100 ? "%.0f %s" : "%.1f %s", size, units[unit]);
}

void text_put_duration(struct buffer *out, int64_t duration_ms)
{
    if (duration_ms < ms_per_minute)
        buffer_format(out, "%" PRId64 " s", duration_ms / ms_per_second);
    else if (duration_ms < ms_per_hour)
        buffer_format(out, "%" PRId64 " m %02" PRId64 " s", duration_ms / ms_per_minute,
                      duration_ms % ms_per_minute / ms_per_second);
    else if (duration_ms < ms_per_day)
        buffer_format(out, "%" PRId64 " h %02" PRId64 " m", duration_ms / ms_per_hour,
                      duration_ms % ms_per_hour / ms_per_minute);
    else
        buffer_format(out, "%" PRId64 " d %02" PRId64 " h", duration_ms / ms_per_day,
                      duration_ms % ms_per_day / ms_per_hour);
}

void text_put_rate(struct buffer *out, double per_second)
{
    if (per_second >= 9.95)
        text_put_count(out, (int64_t)(per_second + 0.5));
    else if (per_second > 0)
        buffer_format(out, "%.1f", per_second);
    else
        buffer_put_text(out, "0");
}

static bool is_time(const char *text)
{
    size_t length = strlen(text);
    return length >= strlen("2026-12-01T00:00:03Z") && text[10] == 'T' && text[length - 1] == 'Z';
}

void text_put_time(struct buffer *out, const char *rfc3339)
{
    if (is_time(rfc3339))
        buffer_format(out, "%.10s %.8sZ", rfc3339, rfc3339 + 11);
    else
        (void)text_put_clean(out, rfc3339, 0, true);
}

void text_put_instant(struct buffer *out, const char *rfc3339)
{
    if (!is_time(rfc3339)) {
        (void)text_put_clean(out, rfc3339, 0, true);
        return;
    }
    const char *fraction = rfc3339[19] == '.' ? rfc3339 + 20 : "";
    size_t digits = strspn(fraction, "0123456789");
    int kept = digits < 3 ? (int)digits : 3;
    buffer_format(out, "%.10s %.8s.%.*s%.*sZ", rfc3339, rfc3339 + 11, kept, fraction, 3 - kept, "000");
}

bool text_parse_duration(const char *text, int64_t *duration_ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    if (*text < '0' || *text > '9')
        return false;
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].name) != 0)
            continue;
        if (errno != 0 || number > 366 * ms_per_day / units[i].ms)
            return false;
        *duration_ms = number * units[i].ms;
        return true;
    }
    return false;
}
