#include "config/csv_reader.h"
#include "config/fleet_builder.h"
#include "config/suggestion.h"

#include <string.h>

enum column_kind { COLUMN_TEXT, COLUMN_MAP, COLUMN_KIND };

struct column {
    const char *name;
    enum column_kind kind;
    bool of_branch, of_device;
};

static const struct column columns[] = {
    {"kind", COLUMN_KIND, true, true},   {"id", COLUMN_TEXT, true, true},    {"branch", COLUMN_TEXT, false, true},
    {"role", COLUMN_TEXT, false, true},  {"zone", COLUMN_TEXT, true, true},  {"name", COLUMN_TEXT, true, false},
    {"model", COLUMN_TEXT, false, true}, {"labels", COLUMN_MAP, true, true}, {"versions", COLUMN_MAP, false, true},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

struct fleet_table {
    struct fleet_builder *builder;
    struct document_faults *faults;
    const struct column *header[CSV_FIELDS_MAX]; /* what each field of a row is */
    size_t width;
    struct arena row;
};

static void fault_field(struct fleet_table *table, const struct csv_field *field, const char *path, const char *detail)
{
    document_fault_add(table->faults, field->line, field->column, path, "%s", detail);
}

/* ---- the header ----------------------------------------------------------------------------- */

static const struct column *find_column(const char *name)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        if (strcmp(columns[i].name, name) == 0)
            return &columns[i];
    }
    return NULL;
}

static void fault_unknown_column(struct fleet_table *table, const struct csv_field *field)
{
    struct suggestion suggestion = {.found = field->text};
    for (size_t i = 0; i < COLUMNS; i++)
        suggestion_offer(&suggestion, columns[i].name);
    char found[TREE_DESCRIPTION_SIZE];
    text_describe(field->text, found);
    document_fault_add(table->faults, field->line, field->column, "", "there is no column %s%s%s", found,
                       suggestion.nearest == NULL ? "; the first line names the columns" : "; did you mean ",
                       suggestion.nearest == NULL ? "" : suggestion.nearest);
}

/* False when rows cannot be read by it. */
static bool read_header(struct fleet_table *table, const struct csv_row *row)
{
    size_t faults_before = table->faults->total;
    bool seen[COLUMNS] = {false};
    table->width = row->count;
    for (size_t i = 0; i < row->count && i < CSV_FIELDS_MAX; i++) {
        const struct column *column = find_column(row->fields[i].text);
        table->header[i] = column;
        if (column == NULL)
            fault_unknown_column(table, &row->fields[i]);
        else if (seen[column - columns])
            fault_field(table, &row->fields[i], column->name, "the column is there already; each column once");
        else
            seen[column - columns] = true;
    }
    for (size_t i = 0; i < 2; i++) { /* kind and id */
        if (!seen[i])
            document_fault_add(table->faults, row->line, 1, columns[i].name, "the column is missing");
    }
    return table->faults->total == faults_before;
}

/* ---- rows ----------------------------------------------------------------------------------- */

static struct tree_node *new_node(struct fleet_table *table, enum tree_kind kind, const struct csv_field *field)
{
    struct tree_node *node = arena_take(&table->row, sizeof *node);
    node->kind = kind;
    node->line = node->key_line = field->line;
    node->column = node->key_column = field->column;
    return node;
}

static void append(struct tree_node *owner, struct tree_node **last, struct tree_node *node)
{
    if (*last == NULL)
        owner->first = node;
    else
        (*last)->next = node;
    *last = node;
    owner->count++;
}

/* "region=north;site=branch" as a map. */
static struct tree_node *read_pairs(struct fleet_table *table, const struct column *column,
                                    const struct csv_field *field)
{
    struct tree_node *map = new_node(table, TREE_MAP, field), *last = NULL;
    for (const char *at = field->text; *at != '\0';) {
        size_t length = strcspn(at, ";");
        const char *equals = memchr(at, '=', length);
        const char *key = equals == NULL ? NULL : arena_text(&table->row, at, (size_t)(equals - at));
        if (key == NULL) {
            fault_field(table, field, column->name, "allowed: name=value;name=value");
        } else if (tree_member(map, key) != NULL) {
            fault_field(table, field, column->name, "a name is there already; each name once");
        } else {
            struct tree_node *node = new_node(table, TREE_TEXT, field);
            node->key = key;
            node->length = (size_t)(at + length - equals - 1);
            node->text = arena_text(&table->row, equals + 1, node->length);
            append(map, &last, node);
        }
        at += at[length] == ';' ? length + 1 : length;
    }
    return map;
}

static struct tree_node *read_value(struct fleet_table *table, const struct column *column,
                                    const struct csv_field *field)
{
    if (column->kind == COLUMN_MAP)
        return read_pairs(table, column, field);
    struct tree_node *node = new_node(table, TREE_TEXT, field);
    node->length = strlen(field->text);
    node->text = field->text;
    return node;
}

/* The field of the column, or NULL when the row has none. */
static const struct csv_field *field_of(const struct fleet_table *table, const struct csv_row *row, const char *name)
{
    for (size_t i = 0; i < table->width; i++) {
        if (strcmp(table->header[i]->name, name) == 0)
            return &row->fields[i];
    }
    return NULL;
}

static void read_row(struct fleet_table *table, const struct csv_row *row)
{
    const struct csv_field *kind = field_of(table, row, "kind");
    bool branch = strcmp(kind->text, "branch") == 0;
    if (!branch && strcmp(kind->text, "device") != 0) {
        fault_field(table, kind, "kind", "allowed: branch or device");
        return;
    }
    struct csv_field start = {.line = row->line, .column = 1};
    struct tree_node *map = new_node(table, TREE_MAP, &start), *last = NULL;
    for (size_t i = 0; i < table->width; i++) {
        const struct column *column = table->header[i];
        if (column->kind == COLUMN_KIND || row->fields[i].text[0] == '\0')
            continue;
        if (branch ? !column->of_branch : !column->of_device) {
            fault_field(table, &row->fields[i], column->name,
                        branch ? "a branch has none; leave it empty" : "a device has none; leave it empty");
            continue;
        }
        struct tree_node *node = read_value(table, column, &row->fields[i]);
        node->key = column->name;
        append(map, &last, node);
    }
    struct key_path path = {.length = 0};
    if (branch)
        fleet_builder_add_branch(table->builder, map, &path);
    else
        fleet_builder_add_device(table->builder, map, &path);
}

void fleet_read_csv(struct fleet_builder *builder, const char *bytes, size_t length, struct document_faults *faults)
{
    struct fleet_table table = {.builder = builder, .faults = faults};
    struct csv_reader reader;
    struct csv_row row;
    size_t faults_before = faults->total;
    csv_reader_open(&reader, bytes, length, faults);
    bool usable = csv_reader_next(&reader, &row);
    if (!usable && faults->total == faults_before)
        document_fault_add(faults, 1, 1, "", "the file is empty; the first line names the columns");
    usable = usable && !row.faulty && read_header(&table, &row);
    while (usable && csv_reader_next(&reader, &row)) {
        arena_clear(&table.row);
        if (!row.faulty && row.count != table.width)
            document_fault_add(faults, row.line, 1, "", "found %zu fields, allowed: %zu, as the first line has",
                               row.count, table.width);
        else if (!row.faulty)
            read_row(&table, &row);
    }
    csv_reader_close(&reader);
    arena_free(&table.row);
}
