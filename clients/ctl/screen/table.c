#include "clients/ctl/screen/table.h"

#include "base/fault.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2, LAST_COLUMN_LEAST = 16 };

struct table table_start(const struct table_column *columns, size_t column_count)
{
    TC_CHECK(column_count > 0 && column_count <= TABLE_COLUMNS_MAX);
    return (struct table){.columns = columns, .column_count = column_count};
}

void table_add(struct table *table, enum tone tone, const char *text)
{
    if (table->cell_count == table->cell_capacity) {
        table->cell_capacity = table->cell_capacity == 0 ? 64 : table->cell_capacity * 2;
        table->cells = realloc(table->cells, table->cell_capacity * sizeof *table->cells);
        TC_CHECK(table->cells != NULL);
    }
    struct table_cell *cell = &table->cells[table->cell_count++];
    cell->text = strdup(text == NULL || *text == '\0' ? "-" : text);
    cell->tone = tone;
    TC_CHECK(cell->text != NULL);
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

/* The layout of a table. A hidden column has width 0. */
struct columns {
    unsigned widths[TABLE_COLUMNS_MAX];
    size_t last; /* shown column */
};

static unsigned total_width(const struct table *table, const struct columns *columns)
{
    unsigned total = 0;
    for (size_t i = 0; i < table->column_count; i++)
        total += columns->widths[i] > 0 ? columns->widths[i] + (i == columns->last ? 0 : GAP) : 0;
    return total;
}

static void find_last(const struct table *table, struct columns *columns)
{
    columns->last = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        if (columns->widths[i] > 0)
            columns->last = i;
    }
}

/* Hides the column with the highest `spare`. False when none is left to hide. */
static bool hide_column(const struct table *table, struct columns *columns)
{
    size_t best = table->column_count;
    for (size_t i = 0; i < table->column_count; i++) {
        bool more = best == table->column_count || table->columns[i].spare > table->columns[best].spare;
        if (columns->widths[i] > 0 && table->columns[i].spare > 0 && more)
            best = i;
    }
    if (best == table->column_count)
        return false;
    columns->widths[best] = 0;
    find_last(table, columns);
    return true;
}

/* Cuts the last column before it hides another one, but not below LAST_COLUMN_LEAST. */
static void fit(const struct table *table, const struct screen *screen, struct columns *columns)
{
    if (screen->width == 0)
        return;
    for (;;) {
        unsigned total = total_width(table, columns);
        unsigned over = total > screen->width ? total - screen->width : 0;
        unsigned *last = &columns->widths[columns->last];
        if (over == 0)
            return;
        if (*last >= over + LAST_COLUMN_LEAST) {
            *last -= over;
            return;
        }
        if (!hide_column(table, columns))
            return;
    }
}

static void measure(const struct table *table, const struct screen *screen, bool titles, struct columns *columns)
{
    for (size_t i = 0; i < table->column_count; i++) {
        columns->widths[i] = table->columns[i].width_least;
        unsigned title = titles ? text_width(table->columns[i].title) : 0;
        if (title > columns->widths[i])
            columns->widths[i] = title;
    }
    for (size_t i = 0, column = 0; i < table->cell_count; i++, column++) {
        unsigned width = text_width(table->cells[i].text);
        if (column == table->column_count)
            column = 0;
        if (width > columns->widths[column])
            columns->widths[column] = width;
    }
    find_last(table, columns);
    fit(table, screen, columns);
}

static void put_spaces(struct buffer *out, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        buffer_put_text(out, " ");
}

static void put_cell(const struct table *table, size_t column, const struct table_cell *cell,
                     const struct columns *columns, const struct screen *screen, struct buffer *out)
{
    unsigned width = columns->widths[column];
    unsigned text = text_width(cell->text);
    unsigned pad = text < width ? width - text : 0;
    bool last = column == columns->last;
    if (width == 0)
        return;
    if (table->columns[column].right)
        put_spaces(out, pad);
    screen_begin_tone(screen, cell->tone, out);
    (void)text_put_clean(out, cell->text, width, screen->utf8);
    screen_end_tone(screen, cell->tone, out);
    if (!table->columns[column].right && !last)
        put_spaces(out, pad);
    if (last)
        buffer_put_text(out, "\n");
    else
        put_spaces(out, GAP);
}

void table_put(const struct table *table, const struct screen *screen, bool titles, struct buffer *out)
{
    struct columns columns;
    TC_CHECK(table->column_count > 0);
    measure(table, screen, titles, &columns);
    for (size_t i = 0; titles && i < table->column_count; i++) {
        char *title = (char *)(uintptr_t)table->columns[i].title;
        put_cell(table, i, &(struct table_cell){title, TONE_STRONG}, &columns, screen, out);
    }
    for (size_t i = 0; i < table->cell_count; i++)
        put_cell(table, i % table->column_count, &table->cells[i], &columns, screen, out);
}

void table_free(struct table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i].text);
    free(table->cells);
    *table = (struct table){0};
}
