#include "clients/agent/action/install_log.h"

#include "base/utf8.h"
#include "topics/message.h"

#include <string.h>

/* What is kept before the last bytes, so that a number or a match that is cut at the beginning is not given out in
 * part: it is dropped after masking. */
enum { MARGIN = 4096, KEPT_MAX = INSTALL_LOG_MAX + MARGIN };

void install_log_take(struct install_log *log, const char *bytes, size_t length)
{
    struct buffer *kept = &log->bytes;
    if (length > KEPT_MAX) {
        bytes += length - KEPT_MAX;
        length = KEPT_MAX;
        log->is_cut = true;
    }
    buffer_put(kept, bytes, length);
    if (kept->length <= 2 * (size_t)KEPT_MAX)
        return;
    memmove(kept->bytes, kept->bytes + kept->length - KEPT_MAX, KEPT_MAX);
    kept->length = KEPT_MAX;
    log->is_cut = true;
}

static void put_clean(const char *bytes, size_t length, struct buffer *out)
{
    for (size_t at = 0; at < length;) {
        size_t width = utf8_character_length(bytes + at, length - at);
        bool is_plain = width > 0 && (bytes[at] == '\n' || bytes[at] == '\t' || !utf8_is_control(bytes + at, width));
        if (is_plain)
            buffer_put(out, bytes + at, width);
        else if (bytes[at] != '\r')
            buffer_put_text(out, "?");
        at += width == 0 ? 1 : width;
    }
}

void install_log_put(const struct install_log *log, const struct mask *mask, struct buffer *out)
{
    struct buffer text = {0};
    size_t length = log->bytes.length, skipped = length > KEPT_MAX ? length - KEPT_MAX : 0;
    if (length == 0)
        return;
    put_clean(log->bytes.bytes + skipped, length - skipped, &text);
    mask_apply(mask, text.bytes, text.length);
    size_t begin = log->is_cut || skipped > 0 ? MARGIN : 0;
    if (begin > text.length)
        begin = text.length;
    if (text.length - begin > INSTALL_LOG_MAX)
        begin = text.length - INSTALL_LOG_MAX;
    while (begin < text.length && ((unsigned char)text.bytes[begin] & 0xC0U) == 0x80U)
        begin++;
    if (begin < text.length)
        buffer_put(out, text.bytes + begin, text.length - begin);
    buffer_free(&text);
}

void install_log_free(struct install_log *log)
{
    buffer_free(&log->bytes);
    *log = (struct install_log){0};
}
