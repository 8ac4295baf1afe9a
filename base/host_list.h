/* The hosts of one server, in the order in which they are tried. A value: it owns its names. */
#ifndef TELLERCAST_BASE_HOST_LIST_H
#define TELLERCAST_BASE_HOST_LIST_H

#include <stdbool.h>
#include <stddef.h>

#define HOSTS_MAX 8
#define HOST_SIZE 256 /* a name of the domain name system has at most 253 characters */

struct host_list {
    size_t count;
    char names[HOSTS_MAX][HOST_SIZE];
};

/* Adds a host name or an address. False: the list is full, or the name is empty or too long. */
bool host_list_add(struct host_list *list, const char *name);

/* Writes the names with commas between them; cuts what does not fit. */
void host_list_describe(const struct host_list *list, char *text, size_t size);

#endif
