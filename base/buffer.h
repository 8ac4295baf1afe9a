/* A growable run of bytes that always ends in a NUL that does not count. One owner, one thread. */
#ifndef TELLERCAST_BASE_BUFFER_H
#define TELLERCAST_BASE_BUFFER_H

#include <stddef.h>

struct buffer {
    char *bytes; /* NULL while empty */
    size_t length;
    size_t capacity;
};

/* Appends. Aborts when there is no memory: the sizes of all callers are bounded. */
void buffer_put(struct buffer *buffer, const void *bytes, size_t length);
void buffer_put_text(struct buffer *buffer, const char *text);
void buffer_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Empties it and keeps its memory for the next use. */
void buffer_clear(struct buffer *buffer);
/* Gives its memory back; it may be used again. */
void buffer_free(struct buffer *buffer);

/* The text, never NULL. */
const char *buffer_text(const struct buffer *buffer);

#endif
