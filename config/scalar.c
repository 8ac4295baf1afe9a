#include "config/scalar.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first: the writer takes the first unit that divides the value. */
static const struct unit duration_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
static const struct unit size_units[] = {
    {"TiB", INT64_C(1) << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads an unsigned integer without leading zeros at the start of the text. Returns the text after it, or NULL. */
static const char *read_unsigned(const char *text, int64_t *value)
{
    if (!is_digit(*text) || (*text == '0' && is_digit(text[1])))
        return NULL;
    int64_t sum = 0;
    for (; is_digit(*text); text++) {
        if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, *text - '0', &sum))
            return NULL;
    }
    *value = sum;
    return text;
}

bool scalar_read_integer(const char *text, int64_t *value)
{
    bool negative = *text == '-';
    int64_t magnitude;
    const char *rest = read_unsigned(text + (negative ? 1 : 0), &magnitude);
    if (rest == NULL || *rest != '\0' || (negative && magnitude == 0))
        return false;
    *value = negative ? -magnitude : magnitude;
    return true;
}

static const char *skip_digits(const char *at)
{
    return at + strspn(at, "0123456789");
}

bool scalar_is_number(const char *text)
{
    const char *at = text + (*text == '-' ? 1 : 0);
    const char *end = skip_digits(at);
    if (end == at || (*at == '0' && end - at > 1))
        return false;
    at = end;
    if (*at == '.') {
        end = skip_digits(at + 1);
        if (end == at + 1)
            return false;
        at = end;
    }
    if (*at == 'e' || *at == 'E') {
        at += at[1] == '+' || at[1] == '-' ? 2 : 1;
        end = skip_digits(at);
        if (end == at)
            return false;
        at = end;
    }
    return *at == '\0';
}

bool scalar_read_boolean(const char *text, bool *value)
{
    bool is_true = strcmp(text, "true") == 0;
    if (!is_true && strcmp(text, "false") != 0)
        return false;
    *value = is_true;
    return true;
}

static bool read_with_unit(const char *text, const struct unit *units, size_t count, int64_t *value)
{
    int64_t amount;
    const char *rest = read_unsigned(text, &amount);
    for (size_t i = 0; rest != NULL && i < count; i++) {
        if (strcmp(rest, units[i].name) == 0) {
            if (__builtin_mul_overflow(amount, units[i].factor, &amount))
                return false;
            *value = amount;
            return true;
        }
    }
    return false;
}

bool scalar_read_duration(const char *text, int64_t *duration_ms)
{
    return read_with_unit(text, duration_units, COUNT_OF(duration_units), duration_ms);
}

bool scalar_read_size(const char *text, int64_t *size_bytes)
{
    return read_with_unit(text, size_units, COUNT_OF(size_units), size_bytes);
}

bool scalar_read_percentage(const char *text, int64_t *parts)
{
    int64_t sum;
    const char *rest = read_unsigned(text, &sum);
    if (rest == NULL || sum > 100)
        return false;
    sum *= PERCENT_PARTS;
    if (*rest == '.') {
        const char *first = ++rest;
        for (int64_t scale = PERCENT_PARTS / 10; is_digit(*rest) && scale > 0; rest++, scale /= 10)
            sum += (*rest - '0') * scale;
        if (rest == first)
            return false;
    }
    if (*rest == '%')
        rest++;
    if (*rest != '\0' || sum > 100 * PERCENT_PARTS)
        return false;
    *parts = sum;
    return true;
}

bool scalar_read_weekday(const char *text, int *weekday)
{
    static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *weekday = (int)i + 1;
            return true;
        }
    }
    return false;
}

bool scalar_read_time_of_day(const char *text, int *minutes)
{
    if (strlen(text) != 5 || !is_digit(text[0]) || !is_digit(text[1]) || text[2] != ':' || !is_digit(text[3]) ||
        !is_digit(text[4]))
        return false;
    int hour = (text[0] - '0') * 10 + text[1] - '0';
    int minute = (text[3] - '0') * 10 + text[4] - '0';
    if (hour > 23 || minute > 59)
        return false;
    *minutes = hour * 60 + minute;
    return true;
}

bool scalar_read_date(const char *text, int64_t *time_ms)
{
    enum { DATE_LENGTH = 10 };
    if (strlen(text) != DATE_LENGTH)
        return false;
    char midnight[TC_TIME_TEXT_SIZE];
    int length = snprintf(midnight, sizeof midnight, "%sT00:00:00Z", text);
    return length > 0 && clock_parse(midnight, (size_t)length, time_ms);
}

bool scalar_is_zone(const char *text)
{
    enum { ZONE_MAX = 64 };
    size_t length = strlen(text);
    bool letter_first = (*text >= 'A' && *text <= 'Z') || (*text >= 'a' && *text <= 'z');
    if (!letter_first || length > ZONE_MAX || text[length - 1] == '/' || strstr(text, "//") != NULL)
        return false;
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_+-";
    return strspn(text, allowed) == length;
}

bool scalar_is_url(const char *text)
{
    size_t scheme = strncmp(text, "https://", 8) == 0 ? 8 : strncmp(text, "http://", 7) == 0 ? 7 : 0;
    if (scheme == 0 || strchr("/?#:@", text[scheme]) != NULL) /* strchr finds the NUL, too */
        return false;
    for (const char *c = text; *c != '\0'; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte <= ' ' || byte >= 0x7F || strchr("\"<>\\^`{|}", *c) != NULL)
            return false;
    }
    return true;
}

bool scalar_read_sha256(const char *text, char digest[static 65])
{
    enum { DIGITS = 64 };
    if (strlen(text) != DIGITS || strspn(text, "0123456789abcdefABCDEF") != DIGITS)
        return false;
    for (size_t i = 0; i <= DIGITS; i++)
        digest[i] = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] - 'A' + 'a' : text[i]);
    return true;
}

static void write_with_unit(int64_t value, const struct unit *units, size_t count, const char *zero, char *text)
{
    for (size_t i = 0; i < count && value != 0; i++) {
        if (value % units[i].factor == 0) {
            (void)snprintf(text, SCALAR_TEXT_SIZE, "%lld%s", (long long)(value / units[i].factor), units[i].name);
            return;
        }
    }
    (void)snprintf(text, SCALAR_TEXT_SIZE, "%s", zero);
}

void scalar_write_duration(int64_t duration_ms, char text[static SCALAR_TEXT_SIZE])
{
    write_with_unit(duration_ms, duration_units, COUNT_OF(duration_units), "0s", text);
}

void scalar_write_size(int64_t size_bytes, char text[static SCALAR_TEXT_SIZE])
{
    write_with_unit(size_bytes, size_units, COUNT_OF(size_units), "0", text);
}
