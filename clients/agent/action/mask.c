#include "clients/agent/action/mask.h"

#include "base/buffer.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

enum { CARD_DIGITS_MIN = 13, CARD_DIGITS_MAX = 19, SEPARATORS_MAX = 3, TEN = 10, NINE = 9 };

struct mask {
    bool has_pattern;
    regex_t pattern;
};

enum tc_error mask_open(const char *pattern, struct mask **mask, struct tc_fault *fault)
{
    char reason[128];
    struct mask *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    int code = pattern[0] == '\0' ? 0 : regcomp(&opened->pattern, pattern, REG_EXTENDED);
    if (code != 0) {
        (void)regerror(code, &opened->pattern, reason, sizeof reason);
        free(opened);
        return tc_fault_set(fault, TC_INVALID, "must be a POSIX extended regular expression: %s", reason);
    }
    opened->has_pattern = pattern[0] != '\0';
    *mask = opened;
    return TC_OK;
}

void mask_close(struct mask *mask)
{
    if (mask == NULL)
        return;
    if (mask->has_pattern)
        regfree(&mask->pattern);
    free(mask);
}

/* ---- card numbers ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_separator(char c)
{
    return c == ' ' || c == '-';
}

/* The place of the next digit after the one at `at`; `length`: the row of digits ends there. */
static size_t next_digit(const char *text, size_t at, size_t length)
{
    size_t next = at + 1;
    while (next < length && next - at <= SEPARATORS_MAX && is_separator(text[next]))
        next++;
    return next < length && is_digit(text[next]) ? next : length;
}

/* Of digits that are given from the left: the check of Luhn doubles every second one, counted from the right, which is
 * an even or an odd place from the left. */
struct luhn {
    unsigned even, odd; /* the sums when the digits at even places are doubled, and those at odd ones */
};

static void luhn_add(struct luhn *luhn, unsigned digit, size_t place)
{
    unsigned doubled = 2 * digit > NINE ? 2 * digit - NINE : 2 * digit;
    luhn->even += place % 2 == 0 ? doubled : digit;
    luhn->odd += place % 2 == 0 ? digit : doubled;
}

static bool luhn_passes(const struct luhn *luhn, size_t digits)
{
    return (digits % 2 == 0 ? luhn->even : luhn->odd) % TEN == 0;
}

/* The row of digits that is looked at. In a block of more than 13 digits a number may begin and end anywhere: something
 * else can be written against it, as its length or its expiry date. Else it begins and ends with a block. */
struct row {
    const char *text;
    size_t length;
    size_t long_begin, long_end; /* the last long block, as far as it was met */
};

static size_t find_block_end(const char *text, size_t at, size_t length)
{
    while (at < length && is_digit(text[at]))
        at++;
    return at;
}

/* Notes the block that begins at `at` if it is long. */
static void meet_block(struct row *row, size_t at)
{
    size_t end = find_block_end(row->text, at, row->length);
    if (end - at <= CARD_DIGITS_MIN || at < row->long_end)
        return;
    row->long_begin = at;
    row->long_end = end;
}

static bool is_in_long(const struct row *row, size_t at)
{
    return at >= row->long_begin && at < row->long_end;
}

/* Returns the end of the longest card number that begins at the digit at `begin`; `begin`: there is none. */
static size_t find_card_end(const struct row *found, size_t begin)
{
    struct row ahead = *found, *row = &ahead; /* blocks that come are not met yet by the caller */
    struct luhn luhn = {0};
    size_t end = begin, at = begin;
    for (size_t digits = 1; digits <= CARD_DIGITS_MAX && at < row->length; digits++) {
        if (at > begin && !is_digit(row->text[at - 1]))
            meet_block(row, at);
        luhn_add(&luhn, (unsigned)(row->text[at] - '0'), digits - 1);
        bool may_end = at + 1 == row->length || !is_digit(row->text[at + 1]) || is_in_long(row, at);
        if (digits >= CARD_DIGITS_MIN && may_end && luhn_passes(&luhn, digits))
            end = at + 1;
        at = next_digit(row->text, at, row->length);
    }
    return end;
}

static void star_digits(char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (is_digit(text[i]))
            text[i] = '*';
    }
}

/* Numbers can overlap: all are found in the original digits, and then masked. */
static void mask_cards(char *text, size_t length)
{
    struct row row = {.text = text, .length = length};
    size_t begin = 0, end = 0;
    for (size_t at = 0; at < length; at++) {
        bool begins_block = is_digit(text[at]) && (at == 0 || !is_digit(text[at - 1]));
        if (begins_block)
            meet_block(&row, at);
        if (!is_digit(text[at]) || (!begins_block && !is_in_long(&row, at)))
            continue;
        size_t card_end = find_card_end(&row, at);
        if (card_end == at)
            continue;
        if (at >= end) {
            star_digits(text + begin, end - begin);
            begin = at;
        }
        if (card_end > end)
            end = card_end;
    }
    star_digits(text + begin, end - begin);
}

void mask_cut_end(char *text, size_t length)
{
    size_t begin = length;
    if (length == 0)
        return;
    while (begin > 0 && (is_digit(text[begin - 1]) || is_separator(text[begin - 1])))
        begin--;
    star_digits(text + begin, length - begin);
}

/* ---- the pattern ---- */

/* Whether the byte is one of a UTF-8 character after its first. */
static bool continues(char c)
{
    return ((unsigned char)c & 0xC0U) == 0x80U;
}

/* The library matches bytes: a match can begin or end within a character, which is masked whole. */
static void star_match(char *line, size_t length, size_t begin, size_t end)
{
    while (begin > 0 && continues(line[begin]))
        line[begin--] = '*';
    while (end < length && continues(line[end]))
        end++;
    memset(line + begin, '*', end - begin);
}

/* `line` has `length` bytes without a NUL. */
static void mask_line(const struct mask *mask, char *line, size_t length)
{
    regmatch_t match;
    struct buffer copy = {0}; /* ends in a NUL, as the library needs it */
    buffer_put(&copy, line, length);
    for (size_t at = 0; at < length;) {
        if (regexec(&mask->pattern, copy.bytes + at, 1, &match, at > 0 ? REG_NOTBOL : 0) != 0)
            break;
        size_t begin = at + (size_t)match.rm_so, end = at + (size_t)match.rm_eo;
        if (end > begin)
            star_match(line, length, begin, end);
        at = end > begin ? end : end + 1;
    }
    buffer_free(&copy);
}

void mask_apply(const struct mask *mask, char *text, size_t length)
{
    if (length == 0)
        return;
    mask_cards(text, length);
    if (mask == NULL || !mask->has_pattern)
        return;
    for (size_t begin = 0, end = 0; begin < length; begin = end + 1) {
        for (end = begin; end < length && text[end] != '\n' && text[end] != '\0';)
            end++;
        if (end > begin)
            mask_line(mask, text + begin, end - begin);
    }
}
