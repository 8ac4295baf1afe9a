#include "config/csv_reader.h"

#include "base/utf8.h"
#include "config/text_form.h"

#include <string.h>
#include <strings.h>

/* ---- characters and lines -------------------------------------------------------------------- */

/* Goes one character further, and counts lines and columns. */
static void advance(struct csv_reader *reader)
{
    unsigned char byte = (unsigned char)*reader->at++;
    bool ends_line = byte == '\n' || (byte == '\r' && (reader->at == reader->end || *reader->at != '\n'));
    if (ends_line) {
        reader->line++;
        reader->column = 1;
    } else if (byte != '\r' && (byte & 0xC0) != 0x80) {
        reader->column++;
    }
}

static bool at_line_end(const struct csv_reader *reader)
{
    return *reader->at == '\n' || *reader->at == '\r';
}

/* Skips LF, CR, or CRLF as one line end. */
static void skip_line_end(struct csv_reader *reader)
{
    bool is_pair = *reader->at == '\r' && reader->at + 1 < reader->end && reader->at[1] == '\n';
    if (is_pair)
        advance(reader);
    advance(reader);
}

static void skip_empty_lines(struct csv_reader *reader)
{
    while (reader->at < reader->end && at_line_end(reader))
        skip_line_end(reader);
}

/* The length of the blank that the bytes begin with, or 0: a space, a tab, or a non-breaking space in UTF-8. */
static size_t blank_length(const char *at, const char *end)
{
    if (at < end && (*at == ' ' || *at == '\t'))
        return 1;
    return end - at >= 2 && memcmp(at, "\xC2\xA0", 2) == 0 ? 2 : 0;
}

/* ---- the separator ---------------------------------------------------------------------------- */

/* Reads a first line such as "sep=;", which some spreadsheets write and do not show. */
static bool read_separator_line(struct csv_reader *reader)
{
    static const char word[] = "sep=";
    size_t length = strlen(word);
    const char *at = reader->at;
    bool quoted = at < reader->end && *at == '"';
    at += quoted ? 1 : 0;
    if ((size_t)(reader->end - at) <= length || strncasecmp(at, word, length) != 0)
        return false;
    reader->separator = at[length];
    at += length + 1 + (quoted ? 1 : 0);
    if (at > reader->end || (at < reader->end && *at != '\n' && *at != '\r'))
        return false;
    while (reader->at < at)
        advance(reader);
    return true;
}

/* Finds the separator: the first character of the first line that can be one, since the column names contain none. */
static void find_separator(struct csv_reader *reader)
{
    static const char separators[] = ",;\t";
    reader->separator = ',';
    if (read_separator_line(reader)) {
        if (strchr(separators, reader->separator) == NULL) {
            document_fault_add(reader->faults, reader->line, reader->column, "",
                               "this separator is not allowed; allowed: comma, semicolon or tab");
            reader->at = reader->end;
        }
        return;
    }
    skip_empty_lines(reader);
    const char *at = reader->at;
    while (at < reader->end && *at != '\n' && *at != '\r' && (*at == '\0' || strchr(separators, *at) == NULL))
        at++;
    if (at < reader->end && *at != '\n' && *at != '\r')
        reader->separator = *at;
}

void csv_reader_open(struct csv_reader *reader, const char *bytes, size_t length, struct document_faults *faults)
{
    *reader = (struct csv_reader){.line = 1, .column = 1, .faults = faults};
    reader->at = length == 0 ? "" : bytes;
    reader->end = reader->at + length;
    const char *wrong_form = text_form_fault(reader->at, length);
    if (wrong_form != NULL) {
        document_fault_add(faults, 1, 1, "", "%s", wrong_form);
        reader->at = reader->end;
        return;
    }
    reader->at += text_form_mark_length(reader->at, length);
    find_separator(reader);
}

void csv_reader_close(struct csv_reader *reader)
{
    buffer_free(&reader->texts);
}

/* ---- fields ----------------------------------------------------------------------------------- */

/* False when the closing quote is missing. */
static bool read_quoted(struct csv_reader *reader)
{
    advance(reader);
    while (reader->at < reader->end && reader->texts.length <= CSV_ROW_MAX) {
        if (*reader->at == '"') {
            advance(reader);
            if (reader->at == reader->end || *reader->at != '"')
                return true;
        }
        if (at_line_end(reader)) { /* LF, CR and CRLF become a newline */
            buffer_put(&reader->texts, "\n", 1);
            skip_line_end(reader);
            continue;
        }
        buffer_put(&reader->texts, reader->at, 1);
        advance(reader);
    }
    return false;
}

static void read_plain(struct csv_reader *reader)
{
    size_t start = reader->texts.length;
    while (reader->at < reader->end && *reader->at != reader->separator && *reader->at != '"' && !at_line_end(reader) &&
           reader->texts.length <= CSV_ROW_MAX) {
        buffer_put(&reader->texts, reader->at, 1);
        advance(reader);
    }
    while (reader->texts.length > start) {
        const char *end = reader->texts.bytes + reader->texts.length;
        size_t blank = blank_length(end - 1, end);
        if (blank == 0 && reader->texts.length >= start + 2)
            blank = blank_length(end - 2, end) == 2 ? 2 : 0;
        if (blank == 0)
            break;
        reader->texts.length -= blank;
    }
}

/* Skips the blanks before a field. A tab is not skipped if it is the separator. */
static void skip_blanks(struct csv_reader *reader)
{
    while (reader->at < reader->end && *reader->at != reader->separator) {
        size_t length = blank_length(reader->at, reader->end);
        if (length == 0)
            return;
        for (size_t i = 0; i < length; i++)
            advance(reader);
    }
}

/* Reads the separator or the line end after a field. Returns true when another field follows. */
static bool read_separator(struct csv_reader *reader, struct csv_row *row)
{
    if (reader->at == reader->end || reader->texts.length > CSV_ROW_MAX)
        return false;
    if (*reader->at == reader->separator) {
        advance(reader);
        return true;
    }
    if (!at_line_end(reader)) {
        document_fault_add(reader->faults, reader->line, reader->column, "",
                           "a quote stands inside a field; put the whole field in quotes and double those inside");
        row->faulty = true;
        while (reader->at < reader->end && !at_line_end(reader))
            advance(reader);
    }
    if (reader->at < reader->end)
        skip_line_end(reader);
    return false;
}

static void read_field(struct csv_reader *reader, struct csv_row *row, struct csv_field *field)
{
    skip_blanks(reader);
    field->line = reader->line;
    field->column = reader->column;
    bool quoted = reader->at < reader->end && *reader->at == '"';
    if (!quoted) {
        read_plain(reader);
    } else if (read_quoted(reader)) {
        skip_blanks(reader);
    } else if (reader->at == reader->end) {
        document_fault_add(reader->faults, field->line, field->column, "", "the closing quote is missing");
        row->faulty = true;
    }
    buffer_put(&reader->texts, "", 1);
}

/* ---- rows ------------------------------------------------------------------------------------- */

/* Returns false, and adds a fault, when the row has a byte that is not UTF-8, or a NUL. */
static bool check_bytes(struct csv_reader *reader, const struct csv_reader *start)
{
    size_t length = (size_t)(reader->at - start->at);
    size_t valid = utf8_valid_length(start->at, length);
    const char *nul = memchr(start->at, '\0', valid);
    const char *wrong = nul != NULL ? nul : valid < length ? start->at + valid : NULL;
    if (wrong == NULL)
        return true;
    struct csv_reader place = *start;
    while (place.at < wrong)
        advance(&place);
    document_fault_add(reader->faults, place.line, place.column, "",
                       nul != NULL ? "a NUL character is not allowed"
                                   : "this byte is not UTF-8; save the file as UTF-8 (in a spreadsheet: CSV UTF-8)");
    return false;
}

static bool is_too_long(struct csv_reader *reader, const struct csv_row *row)
{
    if (reader->texts.length <= CSV_ROW_MAX)
        return false;
    document_fault_add(reader->faults, row->line, 1, "",
                       "a row of more than %zu bytes; is a quote not closed in it, or its line not ended?",
                       CSV_ROW_MAX);
    return true;
}

/* Reads one row; false when there is none or reading ends with it. */
static bool read_row(struct csv_reader *reader, struct csv_row *row)
{
    size_t starts[CSV_FIELDS_MAX] = {0};
    row->count = 0;
    row->faulty = false;
    buffer_clear(&reader->texts);
    skip_empty_lines(reader);
    if (reader->at == reader->end)
        return false;
    const struct csv_reader start = *reader;
    row->line = reader->line;
    do {
        size_t i = row->count < CSV_FIELDS_MAX ? row->count : CSV_FIELDS_MAX - 1;
        starts[i] = reader->texts.length;
        row->count++;
        read_field(reader, row, &row->fields[i]);
    } while (read_separator(reader, row));
    if (!check_bytes(reader, &start) || is_too_long(reader, row)) {
        reader->at = reader->end;
        return false;
    }
    for (size_t i = 0; i < row->count && i < CSV_FIELDS_MAX; i++)
        row->fields[i].text = reader->texts.bytes + starts[i];
    return true;
}

static bool is_blank(const struct csv_row *row)
{
    for (size_t i = 0; i < row->count; i++) {
        if (i >= CSV_FIELDS_MAX || row->fields[i].text[0] != '\0')
            return false;
    }
    return true;
}

bool csv_reader_next(struct csv_reader *reader, struct csv_row *row)
{
    bool found;
    do
        found = read_row(reader, row);
    while (found && !row->faulty && is_blank(row));
    return found;
}
