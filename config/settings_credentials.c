#include "config/settings_credentials.h"

#include "base/id.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "credential:", suffix[] = "_file";

static bool names_a_file(const struct setting *row)
{
    size_t length = strlen(row->key), suffix_length = sizeof suffix - 1;
    return row->type == SETTING_TEXT && length > suffix_length &&
           strcmp(row->key + length - suffix_length, suffix) == 0;
}

static void find(const struct setting *row, char **value, struct document_faults *faults)
{
    const char *name = *value + sizeof prefix - 1, *folder = getenv("CREDENTIALS_DIRECTORY");
    if (!name_is_valid(name, strlen(name))) {
        document_fault_add(faults, 0, 0, row->key, "found \"%s\", allowed: credential: and a name of 1 to 64 of %s",
                           *value, "A-Z a-z 0-9 _ - . : +");
        return;
    }
    if (folder == NULL || folder[0] != '/') {
        document_fault_add(faults, 0, 0, row->key,
                           "the credential %s is not here: systemd sets CREDENTIALS_DIRECTORY where a unit has "
                           "LoadCredential=",
                           name);
        return;
    }
    struct buffer path = {0};
    buffer_format(&path, "%s/%s", folder, name);
    free(*value);
    *value = path.bytes;
}

void settings_find_credentials(const struct settings_table *table, void *settings, struct document_faults *faults)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct setting *row = &table->rows[i];
        char **value = (char **)(void *)((char *)settings + row->offset);
        if (names_a_file(row) && strncmp(*value, prefix, sizeof prefix - 1) == 0)
            find(row, value, faults);
    }
}
