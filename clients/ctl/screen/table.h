/* A table with aligned columns. One owner, one thread. */
#ifndef TELLERCAST_CTL_SCREEN_TABLE_H
#define TELLERCAST_CTL_SCREEN_TABLE_H

#include "clients/ctl/screen/look.h"

#include <stddef.h>
#include <stdint.h>

enum { TABLE_COLUMNS_MAX = 12 };

struct table_column {
    const char *title;
    bool right;           /* numbers */
    unsigned width_least; /* keeps the pages of a long list alike */
    unsigned spare;       /* when the look is too narrow, those with the highest are left out first; 0: never */
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
/* A number that names something: without commas. */
void table_add_id(struct table *table, enum tone tone, int64_t id);
void table_add_time(struct table *table, const char *rfc3339);

/* Draws the titles and the rows. When the look has a width, columns that can be spared are left out until the table
 * fits it, and then the last column is cut. */
void table_put(const struct table *table, const struct look *look, bool titles, struct buffer *out);
void table_free(struct table *table);

#endif
