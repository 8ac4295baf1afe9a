#include "config/settings.h"

#include "base/file.h"
#include "base/utf8.h"
#include "config/scalar.h"
#include "config/schema.h"
#include "config/settings_credentials.h"
#include "config/suggestion.h"
#include "config/tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETTINGS_SIZE_MAX = 1 << 20, ALLOWED_SIZE = 160 };

static void *field_of(const struct setting *row, void *settings)
{
    return (char *)settings + row->offset;
}

static bool is_text(const struct setting *row)
{
    return row->type == SETTING_TEXT || row->type == SETTING_CHOICE || row->type == SETTING_DOCUMENT;
}

static void set_text(const struct setting *row, void *settings, const char *value)
{
    char *copy = strdup(value);
    TC_CHECK(copy != NULL);
    memcpy(field_of(row, settings), &copy, sizeof copy);
}

static char *get_text(const struct setting *row, const void *settings)
{
    char *value;
    memcpy(&value, (const char *)settings + row->offset, sizeof value);
    return value;
}

static bool is_one_of(const char *allowed, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = allowed; length > 0;) {
        size_t span = strcspn(at, "|");
        if (span == length && strncmp(at, word, length) == 0)
            return true;
        if (at[span] == '\0')
            break;
        at += span + 1;
    }
    return false;
}

static void describe_number(const struct setting *row, int64_t value, char text[static SCALAR_TEXT_SIZE])
{
    if (row->type == SETTING_DURATION)
        scalar_write_duration(value, text);
    else if (row->type == SETTING_SIZE)
        scalar_write_size(value, text);
    else
        (void)snprintf(text, SCALAR_TEXT_SIZE, "%" PRId64, value);
}

static void describe_allowed(const struct setting *row, char text[static ALLOWED_SIZE])
{
    static const char *const forms[] = {
        [SETTING_TEXT] = "a text",
        [SETTING_INTEGER] = "an integer",
        [SETTING_DURATION] = "a duration such as 500ms, 15s, 10m, 3h or 2d",
        [SETTING_SIZE] = "a size such as 512, 64KiB, 412MiB or 2GiB",
        [SETTING_BOOLEAN] = "true or false",
        [SETTING_CHOICE] = "one of ",
        [SETTING_DOCUMENT] = "a map",
    };
    int length =
        snprintf(text, ALLOWED_SIZE, "%s%s", forms[row->type], row->type == SETTING_CHOICE ? row->allowed : "");
    if (row->least == 0 && row->most == 0)
        return;
    char least[SCALAR_TEXT_SIZE], most[SCALAR_TEXT_SIZE];
    describe_number(row, row->least, least);
    describe_number(row, row->most, most);
    (void)snprintf(text + length, ALLOWED_SIZE - (size_t)length, ", %s to %s", least, most);
}

static bool in_bounds(const struct setting *row, int64_t value)
{
    return (row->least == 0 && row->most == 0) || (value >= row->least && value <= row->most);
}

/* Sets the field. Returns false when the text is not an allowed value of the row. */
static bool set_value(const struct setting *row, void *settings, const char *text)
{
    int64_t number = 0;
    bool truth = false;
    switch (row->type) {
    case SETTING_TEXT:
    case SETTING_DOCUMENT: set_text(row, settings, text); return true;
    case SETTING_CHOICE:
        if (!is_one_of(row->allowed, text))
            return false;
        set_text(row, settings, text);
        return true;
    case SETTING_BOOLEAN:
        if (!scalar_read_boolean(text, &truth))
            return false;
        memcpy(field_of(row, settings), &truth, sizeof truth);
        return true;
    case SETTING_INTEGER:
        if (!scalar_read_integer(text, &number))
            return false;
        break;
    case SETTING_DURATION:
        if (!scalar_read_duration(text, &number))
            return false;
        break;
    case SETTING_SIZE:
        if (!scalar_read_size(text, &number))
            return false;
        break;
    }
    if (!in_bounds(row, number))
        return false;
    memcpy(field_of(row, settings), &number, sizeof number);
    return true;
}

static void free_value(const struct setting *row, void *settings)
{
    if (!is_text(row))
        return;
    free(get_text(row, settings));
    char *none = NULL;
    memcpy(field_of(row, settings), &none, sizeof none);
}

void settings_set_defaults(const struct settings_table *table, void *settings)
{
    for (size_t i = 0; i < table->count; i++)
        TC_CHECK(set_value(&table->rows[i], settings, table->rows[i].initial));
}

void settings_free(const struct settings_table *table, void *settings)
{
    for (size_t i = 0; i < table->count; i++)
        free_value(&table->rows[i], settings);
}

/* ---- loading -------------------------------------------------------------------------------- */

struct loading {
    const struct settings_table *table;
    void *settings;
    bool *given; /* for each row: whether the file has it */
    struct key_path path;
    struct document_faults *faults;
};

static const struct setting *find_row(const struct settings_table *table, const char *key)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->rows[i].key, key) == 0)
            return &table->rows[i];
    }
    return NULL;
}

static bool is_prefix_of_some(const struct settings_table *table, const char *key)
{
    size_t length = strlen(key);
    for (size_t i = 0; i < table->count; i++) {
        if (strncmp(table->rows[i].key, key, length) == 0 && table->rows[i].key[length] == '.')
            return true;
    }
    return false;
}

static void fault_unknown(struct loading *loading, const struct tree_node *node)
{
    struct suggestion suggestion = {.found = loading->path.text};
    for (size_t i = 0; i < loading->table->count; i++)
        suggestion_offer(&suggestion, loading->table->rows[i].key);
    if (suggestion.nearest == NULL)
        document_fault_add(loading->faults, node->key_line, node->key_column, loading->path.text, "unknown setting");
    else
        document_fault_add(loading->faults, node->key_line, node->key_column, loading->path.text,
                           "unknown setting; did you mean %s?", suggestion.nearest);
}

/* A number or a boolean in quotes is a text, which is not a value of such a setting. */
static bool is_value_for(const struct setting *row, const struct tree_node *node)
{
    bool bare = row->type == SETTING_INTEGER || row->type == SETTING_BOOLEAN;
    return node->kind == TREE_TEXT && !tree_is_null(node) && (node->plain || !bare);
}

/* The reader of the document adds the faults. */
static void load_document(struct loading *loading, const struct setting *row, const struct tree_node *node)
{
    struct schema_reading reading = {.faults = loading->faults, .path = loading->path};
    json_t *value = row->schema->read(&reading, row->schema, node);
    if (value == NULL)
        return;
    char *text = json_dumps(value, JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
    TC_CHECK(text != NULL);
    free(get_text(row, loading->settings));
    set_text(row, loading->settings, text);
    free(text);
    json_decref(value);
}

static void load_value(struct loading *loading, const struct setting *row, const struct tree_node *node)
{
    bool *given = &loading->given[row - loading->table->rows];
    if (*given) {
        document_fault_add(loading->faults, node->key_line, node->key_column, loading->path.text, "duplicate setting");
        return;
    }
    *given = true;
    if (node->kind == TREE_REFUSED)
        return;
    if (row->type == SETTING_DOCUMENT) {
        load_document(loading, row, node);
        return;
    }
    char *before = is_text(row) ? get_text(row, loading->settings) : NULL;
    if (is_value_for(row, node) && set_value(row, loading->settings, node->text)) {
        free(before);
        return;
    }
    char found[TREE_DESCRIPTION_SIZE], allowed[ALLOWED_SIZE];
    tree_describe(node, found);
    describe_allowed(row, allowed);
    document_fault_add(loading->faults, node->line, node->column, loading->path.text, "found %s, allowed: %s", found,
                       allowed);
}

static void load_map(struct loading *loading, const struct tree_node *map)
{
    for (const struct tree_node *node = map->first; node != NULL; node = node->next) {
        size_t above = key_path_add_key(&loading->path, node->key);
        const struct setting *row = find_row(loading->table, loading->path.text);
        if (row != NULL)
            load_value(loading, row, node);
        else if (!is_prefix_of_some(loading->table, loading->path.text))
            fault_unknown(loading, node);
        else if (node->kind == TREE_MAP)
            load_map(loading, node);
        else if (node->kind != TREE_REFUSED)
            document_fault_add(loading->faults, node->line, node->column, loading->path.text,
                               "this is a group of settings, allowed: a map");
        key_path_cut(&loading->path, above);
    }
}

enum tc_error settings_parse(const struct settings_table *table, const void *bytes, size_t length, void *settings,
                             struct document_faults *faults)
{
    size_t faults_before = faults->total;
    settings_set_defaults(table, settings);
    struct tree *tree = tree_parse(bytes, length, faults);
    if (tree != NULL) {
        struct loading loading = {.table = table, .settings = settings, .faults = faults};
        loading.given = arena_take(&tree->arena, table->count * sizeof *loading.given);
        if (tree->root->kind == TREE_MAP)
            load_map(&loading, tree->root);
        else if (tree->root->kind != TREE_REFUSED)
            document_fault_add(faults, tree->root->line, tree->root->column, "", "allowed: a map of settings");
        tree_free(tree);
    }
    if (faults->total == faults_before)
        return TC_OK;
    document_faults_sort(faults);
    settings_free(table, settings);
    settings_set_defaults(table, settings);
    return TC_INVALID;
}

enum tc_error settings_load(const struct settings_table *table, const char *path, void *settings,
                            struct document_faults *faults)
{
    struct buffer content = {0};
    struct tc_fault fault;
    enum tc_error error = file_read(path, SETTINGS_SIZE_MAX, &content, &fault);
    if (error == TC_OK) {
        error = settings_parse(table, buffer_text(&content), content.length, settings, faults);
        size_t faults_before = faults->total;
        settings_find_credentials(table, settings, faults);
        if (error == TC_OK && faults->total > faults_before)
            error = TC_INVALID;
    } else {
        settings_set_defaults(table, settings);
        /* The printer of faults writes the name of the file, so it is removed from the text. */
        size_t named = strncmp(fault.text, path, strlen(path)) == 0 ? strlen(path) : 0;
        named += named > 0 ? strspn(fault.text + named, ": ") : 0;
        document_fault_add(faults, 0, 0, "", "%s", fault.text + named);
    }
    buffer_free(&content);
    return error;
}

/* ---- printing ------------------------------------------------------------------------------- */

/* Returns the escape of a character that YAML would fold or refuse (YAML 1.1, 5.1 and 5.4); NULL for others. */
static const char *escape_of(const char *character)
{
    static const struct {
        const char *character, *escape;
    } table[] = {
        {"\"", "\\\""},        {"\\", "\\\\"},        {"\u2028", "\\u2028"}, {"\u2029", "\\u2029"},
        {"\uFEFF", "\\uFEFF"}, {"\uFFFE", "\\uFFFE"}, {"\uFFFF", "\\uFFFF"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strncmp(character, table[i].character, strlen(table[i].character)) == 0)
            return table[i].escape;
    }
    return NULL;
}

static void print_text(const char *text, struct buffer *out)
{
    buffer_put_text(out, "\"");
    for (size_t length; *text != '\0'; text += length) {
        length = utf8_character_length(text, strnlen(text, 4));
        TC_CHECK(length > 0);
        const char *escape = escape_of(text);
        const unsigned char first = (unsigned char)text[0], second = (unsigned char)text[1];
        if (escape != NULL)
            buffer_put_text(out, escape);
        else if (first < ' ' || first == 0x7F)
            buffer_format(out, "\\x%02x", first);
        else if (first == 0xC2 && second < 0xA0) /* U+0080 to U+009F */
            buffer_format(out, "\\x%02x", second);
        else
            buffer_put(out, text, length);
    }
    buffer_put_text(out, "\"");
}

static void print_value(const struct setting *row, const void *settings, struct buffer *out)
{
    const char *field = (const char *)settings + row->offset;
    if (row->type == SETTING_DOCUMENT) {
        buffer_put_text(out, get_text(row, settings));
    } else if (is_text(row)) {
        print_text(get_text(row, settings), out);
    } else if (row->type == SETTING_BOOLEAN) {
        bool truth;
        memcpy(&truth, field, sizeof truth);
        buffer_put_text(out, truth ? "true" : "false");
    } else {
        int64_t number;
        char text[SCALAR_TEXT_SIZE];
        memcpy(&number, field, sizeof number);
        describe_number(row, number, text);
        buffer_put_text(out, text);
    }
}

static void print_comment(const struct setting *row, const char *indent, struct buffer *out)
{
    buffer_format(out, "%s# %s", indent, row->help);
    char allowed[ALLOWED_SIZE];
    describe_allowed(row, allowed);
    if (row->type != SETTING_TEXT && row->type != SETTING_BOOLEAN && row->type != SETTING_DOCUMENT)
        buffer_format(out, "\n%s# Allowed: %s.", indent, allowed);
    if (row->reloads)
        buffer_put_text(out, " Read again on SIGHUP.");
    buffer_put_text(out, "\n");
}

void settings_print(const struct settings_table *table, const void *settings, struct buffer *out)
{
    const char *group = "";
    size_t group_length = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct setting *row = &table->rows[i];
        const char *dot = strchr(row->key, '.');
        size_t length = dot == NULL ? 0 : (size_t)(dot - row->key);
        bool same_group = length > 0 && length == group_length && strncmp(row->key, group, length) == 0;
        if (i > 0)
            buffer_put_text(out, "\n");
        if (length > 0 && !same_group)
            buffer_format(out, "%.*s:\n", (int)length, row->key);
        group = row->key;
        group_length = length;
        print_comment(row, length > 0 ? "  " : "", out);
        buffer_format(out, "%s%s: ", length > 0 ? "  " : "", dot == NULL ? row->key : dot + 1);
        print_value(row, settings, out);
        buffer_put_text(out, "\n");
    }
}
