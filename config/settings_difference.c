#include "config/settings.h"

#include <string.h>

static const char *text_of(const struct setting *row, const void *settings)
{
    char *text;
    memcpy(&text, (const char *)settings + row->offset, sizeof text);
    return text;
}

bool setting_differs(const struct setting *row, const void *settings, const void *others)
{
    size_t size = row->type == SETTING_BOOLEAN ? sizeof(bool) : sizeof(int64_t);
    switch (row->type) {
    case SETTING_TEXT:
    case SETTING_CHOICE:
    case SETTING_DOCUMENT: return strcmp(text_of(row, settings), text_of(row, others)) != 0;
    case SETTING_BOOLEAN:
    case SETTING_INTEGER:
    case SETTING_DURATION:
    case SETTING_SIZE: break;
    }
    return memcmp((const char *)settings + row->offset, (const char *)others + row->offset, size) != 0;
}
