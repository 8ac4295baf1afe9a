/* The path of a key in a document, "spec.schedule.windows[0].days", which a reader extends and cuts as it goes on. */
#ifndef TELLERCAST_CONFIG_KEY_PATH_H
#define TELLERCAST_CONFIG_KEY_PATH_H

#include <stddef.h>

struct key_path {
    char text[128]; /* cut when longer */
    size_t length;
};

/* Each appends one step and returns the previous length, for key_path_cut. */
size_t key_path_add_key(struct key_path *path, const char *key);
size_t key_path_add_index(struct key_path *path, size_t index);
void key_path_cut(struct key_path *path, size_t length);

#endif
