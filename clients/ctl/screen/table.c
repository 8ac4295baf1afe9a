#include "clients/ctl/screen/table.h"

#include "base/fault.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2, LAST_COLUMN_LEAST = 8 };

struct table table_start(const struct table_column *columns, size_t column_count)
{
    TC_CHECK(column_count <= TABLE_COLUMNS_MAX);
    return (struct table){.columns = columns, .column_count = column_count};
}

void table_add(struct table *table, enum tone tone, const char *text)
{
    if (table->cell_count == table->cell_capacity) {
        table->cell_capacity = table->cell_capacity == 0 ? 64 : table->cell_capacity * 2;
        table->cells = realloc(table->cells, table->cell_capacity * sizeof *table->cells);
        TC_CHECK(table->cells != NULL);
    }
    char *copy = strdup(text == NULL || *text == '\0' ? "-" : text);
    TC_CHECK(copy != NULL);
    table->cells[table->cell_count++] = (struct table_cell){copy, tone};
}

static void add_buffer(struct table *table, enum tone tone, struct buffer *text)
{
    table_add(table, tone, buffer_text(text));
    buffer_free(text);
}

void table_add_count(struct table *table, enum tone tone, int64_t count)
{
    struct buffer text = {0};
    text_put_count(&text, count);
    add_buffer(table, count == 0 ? TONE_FAINT : tone, &text);
}

void table_add_id(struct table *table, enum tone tone, int64_t id)
{
    struct buffer text = {0};
    buffer_format(&text, "%" PRId64, id);
    add_buffer(table, tone, &text);
}

void table_add_time(struct table *table, const char *rfc3339)
{
    struct buffer text = {0};
    if (rfc3339 != NULL)
        text_put_time(&text, rfc3339);
    add_buffer(table, TONE_PLAIN, &text);
}

static void measure(const struct table *table, const struct look *look, bool titles, unsigned *widths)
{
    for (size_t i = 0; i < table->column_count; i++) {
        widths[i] = table->columns[i].width_least;
        unsigned title = titles ? text_width(table->columns[i].title) : 0;
        if (title > widths[i])
            widths[i] = title;
    }
    for (size_t i = 0; i < table->cell_count; i++) {
        unsigned width = text_width(table->cells[i].text);
        if (width > widths[i % table->column_count])
            widths[i % table->column_count] = width;
    }
    if (look->width == 0)
        return;
    unsigned before = 0;
    size_t last = table->column_count - 1;
    for (size_t i = 0; i < last; i++)
        before += widths[i] + GAP;
    unsigned room = look->width > before + LAST_COLUMN_LEAST ? look->width - before : LAST_COLUMN_LEAST;
    if (widths[last] > room)
        widths[last] = room;
}

static void put_spaces(struct buffer *out, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        buffer_put_text(out, " ");
}

static void put_cell(const struct table *table, size_t column, const struct table_cell *cell, const unsigned *widths,
                     const struct look *look, struct buffer *out)
{
    unsigned text = text_width(cell->text);
    unsigned pad = text < widths[column] ? widths[column] - text : 0;
    bool last = column + 1 == table->column_count;
    if (table->columns[column].right)
        put_spaces(out, pad);
    look_begin(look, cell->tone, out);
    (void)text_put_clean(out, cell->text, widths[column], look->utf8);
    look_end(look, cell->tone, out);
    if (!table->columns[column].right && !last)
        put_spaces(out, pad);
    if (last)
        buffer_put_text(out, "\n");
    else
        put_spaces(out, GAP);
}

void table_put(const struct table *table, const struct look *look, bool titles, struct buffer *out)
{
    unsigned widths[TABLE_COLUMNS_MAX];
    measure(table, look, titles, widths);
    for (size_t i = 0; titles && i < table->column_count; i++) {
        char *title = (char *)(uintptr_t)table->columns[i].title;
        put_cell(table, i, &(struct table_cell){title, TONE_STRONG}, widths, look, out);
    }
    for (size_t i = 0; i < table->cell_count; i++)
        put_cell(table, i % table->column_count, &table->cells[i], widths, look, out);
}

void table_free(struct table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i].text);
    free(table->cells);
    *table = (struct table){0};
}
