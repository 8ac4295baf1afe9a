#include "base/host_list.h"

#include <stdio.h>
#include <string.h>

bool host_list_add(struct host_list *list, const char *name)
{
    size_t length = strlen(name);
    if (list->count == HOSTS_MAX || length == 0 || length >= HOST_SIZE)
        return false;
    memcpy(list->names[list->count++], name, length + 1);
    return true;
}

void host_list_describe(const struct host_list *list, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < list->count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i == 0 ? "" : ",", list->names[i]);
}
