#include "config/key_path.h"

#include <stdio.h>
#include <string.h>

static size_t lengthen(struct key_path *path)
{
    size_t before = path->length;
    path->length += strlen(path->text + before);
    return before;
}

size_t key_path_add_key(struct key_path *path, const char *key)
{
    (void)snprintf(path->text + path->length, sizeof path->text - path->length, "%s%s", path->length > 0 ? "." : "",
                   key);
    return lengthen(path);
}

size_t key_path_add_index(struct key_path *path, size_t index)
{
    (void)snprintf(path->text + path->length, sizeof path->text - path->length, "[%zu]", index);
    return lengthen(path);
}

void key_path_cut(struct key_path *path, size_t length)
{
    path->text[length] = '\0';
    path->length = length;
}
