#include "orchestrator/intake/http_range.h"

#include <string.h>
#include <strings.h>

static const char whitespace[] = " \t";

/* Reads digits; a number that is too large becomes INT64_MAX. Returns false when there are none. */
static bool take_number(const char **at, int64_t *value)
{
    const char *begin = *at;
    for (*value = 0; **at >= '0' && **at <= '9'; (*at)++)
        *value = *value > (INT64_MAX - 9) / 10 ? INT64_MAX : *value * 10 + (**at - '0');
    return *at != begin;
}

static struct http_range part(int64_t first, int64_t last, int64_t size_bytes)
{
    if (first >= size_bytes)
        return (struct http_range){.kind = RANGE_UNSATISFIABLE};
    if (last >= size_bytes)
        last = size_bytes - 1;
    return (struct http_range){RANGE_PART, first, last - first + 1};
}

struct http_range http_range_parse(const char *range, int64_t size_bytes)
{
    static const struct http_range whole = {.kind = RANGE_WHOLE};
    static const char unit[] = "bytes=";
    if (range == NULL || strncasecmp(range, unit, sizeof unit - 1) != 0)
        return whole;
    const char *at = range + sizeof unit - 1;
    at += strspn(at, whitespace);
    int64_t first = 0, last = INT64_MAX;
    bool has_first = *at != '-';
    if (has_first && !take_number(&at, &first))
        return whole;
    if (*at++ != '-')
        return whole;
    bool has_last = *at >= '0' && *at <= '9';
    if (has_last && !take_number(&at, &last))
        return whole;
    at += strspn(at, whitespace);
    if (*at != '\0' || (!has_first && !has_last) || (has_first && last < first))
        return whole;
    if (has_first)
        return part(first, last, size_bytes);
    if (last == 0)
        return (struct http_range){.kind = RANGE_UNSATISFIABLE};
    return part(last >= size_bytes ? 0 : size_bytes - last, INT64_MAX, size_bytes);
}

bool http_etag_is_listed(const char *if_none_match, const char *etag)
{
    if (if_none_match == NULL)
        return false;
    const char *at = if_none_match + strspn(if_none_match, whitespace);
    if (*at == '*')
        return at[1 + strspn(at + 1, whitespace)] == '\0';
    size_t length = strlen(etag);
    while (*at != '\0') {
        if (strncmp(at, "W/", 2) == 0)
            at += 2;
        if (*at != '"')
            return false;
        const char *end = strchr(at + 1, '"');
        if (end == NULL)
            return false;
        if ((size_t)(end + 1 - at) == length && memcmp(at, etag, length) == 0)
            return true;
        at = end + 1;
        at += strspn(at, " \t,");
    }
    return false;
}

bool http_if_range_holds(const char *if_range, const char *etag)
{
    if (if_range == NULL)
        return true;
    if_range += strspn(if_range, whitespace);
    size_t length = strlen(etag);
    return strncmp(if_range, etag, length) == 0 && if_range[length + strspn(if_range + length, whitespace)] == '\0';
}
