#include "base/id.h"

#include <string.h>

static bool all_of(const char *text, size_t length, const char *also)
{
    if (length == 0 || length > TC_ID_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool word = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!word && (c == '\0' || strchr(also, c) == NULL))
            return false;
    }
    return true;
}

bool id_is_valid(const char *text, size_t length)
{
    return all_of(text, length, "");
}

bool name_is_valid(const char *text, size_t length)
{
    return all_of(text, length, ".:+") && strchr(".:+", text[0]) == NULL;
}
