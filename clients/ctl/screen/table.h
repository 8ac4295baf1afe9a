/* A table with aligned columns. One owner, one thread. */
#ifndef TELLERCAST_CTL_SCREEN_TABLE_H
#define TELLERCAST_CTL_SCREEN_TABLE_H

#include "clients/ctl/screen/screen.h"

#include <stddef.h>
#include <stdint.h>

enum { TABLE_COLUMNS_MAX = 16 };

struct table_column {
    const char *title;
    bool right;           /* numbers */
    unsigned width_least; /* keeps the pages of a long list aligned */
    unsigned spare;       /* on a narrow screen, columns with the highest value are hidden first; 0: never */
};

struct table_cell {
    char *text;
    enum tone tone;
};

struct table {
    const struct table_column *columns; /* borrowed */
    size_t column_count;
    struct table_cell *cells; /* row after row; owned */
    size_t cell_count, cell_capacity;
};

struct table table_start(const struct table_column *columns, size_t column_count);
/* Adds the next cell of the row. NULL is an empty cell, shown as "-". */
void table_add(struct table *table, enum tone tone, const char *text);
void table_add_count(struct table *table, enum tone tone, int64_t count);
/* Adds an ID: a number without commas. */
void table_add_id(struct table *table, enum tone tone, int64_t id);
void table_add_time(struct table *table, const char *rfc3339);

/* Draws the titles and the rows. On a screen with a width, hides spare columns until the table fits, and then cuts the
 * last column. */
void table_put(const struct table *table, const struct screen *screen, bool titles, struct buffer *out);
void table_free(struct table *table);

#endif
