#include "config/text_form.h"

#include <stdbool.h>
#include <string.h>

static bool begins_with(const char *bytes, size_t length, const char *start, size_t start_length)
{
    return length >= start_length && memcmp(bytes, start, start_length) == 0;
}

size_t text_form_mark_length(const char *bytes, size_t length)
{
    return begins_with(bytes, length, "\xEF\xBB\xBF", 3) ? 3 : 0;
}

const char *text_form_fault(const char *bytes, size_t length)
{
    bool is_utf16 = begins_with(bytes, length, "\xFF\xFE", 2) || begins_with(bytes, length, "\xFE\xFF", 2);
    /* Without a byte order mark: in UTF-16, mostly ASCII text has a NUL in every other byte. */
    is_utf16 = is_utf16 || (length >= 4 && ((bytes[0] == '\0') != (bytes[1] == '\0')) &&
                            ((bytes[0] == '\0') == (bytes[2] == '\0')) && ((bytes[1] == '\0') == (bytes[3] == '\0')));
    if (is_utf16)
        return "this is UTF-16; save the file as UTF-8";
    if (begins_with(bytes, length, "PK\x03\x04", 4))
        return "this is a workbook or an archive, not text; save it as text (in a spreadsheet: CSV UTF-8)";
    if (begins_with(bytes, length, "\xD0\xCF\x11\xE0", 4))
        return "this is an office document, not text; save it as text (in a spreadsheet: CSV UTF-8)";
    return NULL;
}
