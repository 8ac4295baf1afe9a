#include "config/csv_reader.h"
#include "config/fleet_builder.h"
#include "config/suggestion.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum column_kind { COLUMN_TEXT, COLUMN_MAP, COLUMN_KIND };

struct column {
    const char *name;
    enum column_kind kind;
    bool of_branch, of_device;
    bool free; /* any text */
};

static const struct column columns[] = {
    {"kind", COLUMN_KIND, true, true, false},     {"id", COLUMN_TEXT, true, true, false},
    {"branch", COLUMN_TEXT, false, true, false},  {"role", COLUMN_TEXT, false, true, false},
    {"zone", COLUMN_TEXT, true, true, false},     {"name", COLUMN_TEXT, true, false, true},
    {"model", COLUMN_TEXT, false, true, true},    {"labels", COLUMN_MAP, true, true, true},
    {"versions", COLUMN_MAP, false, true, false},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

struct fleet_table {
    struct fleet_builder *builder;
    struct document_faults *faults;
    const struct column *header[CSV_FIELDS_MAX]; /* the column of each field of a row */
    size_t width;                                /* without the columns at the end that have no name */
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
        if (strcasecmp(columns[i].name, name) == 0)
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

/* Returns false when rows cannot be read with this header. */
static bool read_header(struct fleet_table *table, const struct csv_row *row)
{
    size_t faults_before = table->faults->total;
    bool seen[COLUMNS] = {false};
    table->width = row->count < CSV_FIELDS_MAX ? row->count : CSV_FIELDS_MAX;
    while (table->width > 0 && row->fields[table->width - 1].text[0] == '\0')
        table->width--;
    for (size_t i = 0; i < table->width; i++) {
        const struct column *column = find_column(row->fields[i].text);
        table->header[i] = column;
        if (column == NULL)
            fault_unknown_column(table, &row->fields[i]);
        else if (seen[column - columns])
            fault_field(table, &row->fields[i], column->name, "duplicate column");
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

/* True for a number such as "1.23E+05": a spreadsheet has shortened it and saved the short form. */
static bool is_shortened(const char *text)
{
    size_t whole = strspn(text, "0123456789");
    const char *at = text + whole;
    if (whole != 0 && (*at == '.' || *at == ','))
        at += 1 + strspn(at + 1, "0123456789");
    if (whole == 0 || toupper((unsigned char)*at) != 'E' || (at[1] != '+' && at[1] != '-'))
        return false;
    size_t power = strspn(at + 2, "0123456789");
    return power > 0 && at[2 + power] == '\0';
}

/* True for spaces other than U+0020, and for invisible characters. No ID has them. */
static bool has_odd_blank(const char *text)
{
    static const char *const blanks[] = {"\xC2\xA0", "\xE2\x80\x8B", "\xE2\x80\xAF", "\xEF\xBB\xBF"};
    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) {
        if (strstr(text, blanks[i]) != NULL)
            return true;
    }
    return false;
}

/* Checks for damage that office programs do. Returns false after a fault. */
static bool check_text(struct fleet_table *table, const struct column *column, const struct csv_field *field,
                       const char *text)
{
    if (is_shortened(text))
        fault_field(table, field, column->name,
                    "a spreadsheet has shortened this number; format the column as text and enter it again");
    else if (!column->free && has_odd_blank(text))
        fault_field(table, field, column->name, "there is a non-breaking or an invisible space in it; remove it");
    else
        return true;
    return false;
}

/* Reads "region=north;site=branch" as a map. */
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
            fault_field(table, field, column->name, "duplicate name");
        } else {
            struct tree_node *node = new_node(table, TREE_TEXT, field);
            node->key = key;
            node->length = (size_t)(at + length - equals - 1);
            node->text = arena_text(&table->row, equals + 1, node->length);
            if (check_text(table, column, field, node->text))
                append(map, &last, node);
        }
        at += at[length] == ';' ? length + 1 : length;
    }
    return map;
}

/* Returns NULL after a fault. */
static struct tree_node *read_value(struct fleet_table *table, const struct column *column,
                                    const struct csv_field *field)
{
    if (column->kind == COLUMN_TEXT && !check_text(table, column, field, field->text))
        return NULL;
    if (column->kind == COLUMN_MAP)
        return read_pairs(table, column, field);
    struct tree_node *node = new_node(table, TREE_TEXT, field);
    node->length = strlen(field->text);
    node->text = field->text;
    return node;
}

/* Returns the field of the column, or NULL when the row has none. */
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
        if (node == NULL)
            return;
        node->key = column->name;
        append(map, &last, node);
    }
    struct key_path path = {.length = 0};
    if (branch)
        fleet_builder_add_branch(table->builder, map, &path);
    else
        fleet_builder_add_device(table->builder, map, &path);
}

/* Empty fields after the last column are ignored. */
static bool check_width(const struct fleet_table *table, const struct csv_row *row)
{
    size_t count = row->count;
    while (count > table->width && count <= CSV_FIELDS_MAX && row->fields[count - 1].text[0] == '\0')
        count--;
    if (count == table->width)
        return true;
    document_fault_add(table->faults, row->line, 1, "", "found %zu fields, allowed: %zu, as the first line has", count,
                       table->width);
    return false;
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
    while (usable && fleet_builder_goes_on(builder) && csv_reader_next(&reader, &row)) {
        arena_clear(&table.row);
        if (!row.faulty && check_width(&table, &row))
            read_row(&table, &row);
    }
    csv_reader_close(&reader);
    arena_free(&table.row);
}
