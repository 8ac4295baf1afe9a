/* A text is masked in place: its length stays, and nothing but what is masked changes. No card number is left, UTF-8
 * stays UTF-8, and a log is UTF-8 and has no card number, whichever pieces the output came in. The first line of the
 * input is the pattern of the settings. */
#include "base/utf8.h"
#include "clients/agent/action/install_log.h"
#include "topics/message.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 4096, PATTERN_MAX = 64, PIECE_MAX = 97, CARD_MIN = 13, CARD_MAX = 19 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Written apart from the code that it checks. */
static bool passes(const char *digits, size_t count)
{
    unsigned sum = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned digit = (unsigned)(digits[count - 1 - i] - '0') << (i % 2);
        sum += digit > 9 ? digit - 9 : digit;
    }
    return sum % 10 == 0;
}

/* Of blocks of digits without anything between: none may have a card number anywhere within. */
static void check_no_card(const char *text, size_t length)
{
    for (size_t begin = 0, end = 0; begin < length; begin = end + 1) {
        for (end = begin; end < length && is_digit(text[end]);)
            end++;
        for (size_t at = begin; at + CARD_MIN <= end; at++) {
            for (size_t count = CARD_MIN; count <= CARD_MAX && at + count <= end; count++)
                TC_CHECK(!passes(text + at, count));
        }
    }
}

static void check_log(const struct mask *mask, bool has_pattern, const char *text, size_t length)
{
    struct install_log whole = {0}, pieces = {0};
    struct buffer one = {0}, other = {0};
    install_log_take(&whole, text, length);
    for (size_t at = 0; at < length; at += PIECE_MAX)
        install_log_take(&pieces, text + at, length - at < PIECE_MAX ? length - at : PIECE_MAX);
    install_log_put(&whole, mask, &one);
    install_log_put(&pieces, mask, &other);
    TC_CHECK(one.length <= INSTALL_LOG_MAX && one.length == other.length);
    TC_CHECK(utf8_valid_length(buffer_text(&one), one.length) == one.length);
    TC_CHECK(one.length == 0 || memcmp(one.bytes, other.bytes, one.length) == 0);
    if (!has_pattern) /* which can leave a part of a longer number */
        check_no_card(buffer_text(&one), one.length);
    buffer_free(&one);
    buffer_free(&other);
    install_log_free(&whole);
    install_log_free(&pieces);
}

static void check_text(const struct mask *mask, bool has_pattern, const char *text, size_t length)
{
    char *masked = malloc(length + 1);
    TC_CHECK(masked != NULL);
    memcpy(masked, text, length);
    mask_apply(mask, masked, length);
    for (size_t i = 0; i < length; i++)
        TC_CHECK(masked[i] == text[i] || masked[i] == '*');
    TC_CHECK(utf8_valid_length(text, length) < length || utf8_valid_length(masked, length) == length);
    if (!has_pattern)
        check_no_card(masked, length);
    free(masked);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct mask *mask = NULL;
    char pattern[PATTERN_MAX] = "";
    const char *text = (const char *)bytes;
    const char *newline = length == 0 ? NULL : memchr(text, '\n', length);
    size_t used = newline == NULL ? 0 : (size_t)(newline - text);
    if (used < sizeof pattern && memchr(text, '\0', used) == NULL)
        memcpy(pattern, text, used);
    /* A repetition or a reference back can take longer than any input is worth. */
    bool has_pattern = strpbrk(pattern, "*+{\\") == NULL && mask_open(pattern, &mask, NULL) == TC_OK;
    if (!has_pattern)
        TC_CHECK(mask_open("", &mask, NULL) == TC_OK);
    has_pattern = has_pattern && pattern[0] != '\0';
    text += newline == NULL ? 0 : used + 1;
    length -= newline == NULL ? 0 : used + 1;
    if (length > TEXT_MAX)
        length = TEXT_MAX;
    check_text(mask, has_pattern, text, length);
    check_log(mask, has_pattern, text, length);
    mask_close(mask);
    return 0;
}
