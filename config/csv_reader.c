#include "config/csv_reader.h"

#include "base/utf8.h"

#include <string.h>

/* One character further; a line's end counts the line. */
static void advance(struct csv_reader *reader)
{
    unsigned char byte = (unsigned char)*reader->at++;
    if (byte == '\n') {
        reader->line++;
        reader->column = 1;
    } else if ((byte & 0xC0) != 0x80) {
        reader->column++;
    }
}

static void skip_all(struct csv_reader *reader)
{
    reader->at = reader->end;
}

void csv_reader_open(struct csv_reader *reader, const char *bytes, size_t length, struct document_faults *faults)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* some spreadsheets begin with it */
    *reader = (struct csv_reader){.line = 1, .column = 1, .faults = faults};
    reader->at = length == 0 ? "" : bytes;
    reader->end = reader->at + length;
    if (length >= 3 && memcmp(bytes, mark, 3) == 0)
        reader->at += 3;

    size_t rest = (size_t)(reader->end - reader->at);
    size_t valid = utf8_valid_length(reader->at, rest);
    const char *nul = memchr(reader->at, '\0', valid);
    const char *wrong = nul != NULL ? nul : valid < rest ? reader->at + valid : NULL;
    if (wrong == NULL)
        return;
    while (reader->at < wrong)
        advance(reader);
    document_fault_add(faults, reader->line, reader->column, "",
                       nul != NULL ? "a NUL character is not allowed" : "this byte is not UTF-8");
    skip_all(reader);
}

void csv_reader_close(struct csv_reader *reader)
{
    buffer_free(&reader->texts);
}

static bool at_line_end(const struct csv_reader *reader)
{
    bool carriage = *reader->at == '\r' && reader->at + 1 < reader->end && reader->at[1] == '\n';
    return *reader->at == '\n' || carriage;
}

/* False when the closing quote is missing. */
static bool read_quoted(struct csv_reader *reader)
{
    advance(reader);
    while (reader->at < reader->end) {
        if (*reader->at == '"') {
            advance(reader);
            if (reader->at == reader->end || *reader->at != '"')
                return true;
        }
        buffer_put(&reader->texts, reader->at, 1);
        advance(reader);
    }
    return false;
}

static void read_plain(struct csv_reader *reader)
{
    while (reader->at < reader->end && *reader->at != ',' && *reader->at != '"' && !at_line_end(reader)) {
        buffer_put(&reader->texts, reader->at, 1);
        advance(reader);
    }
}

/* What stands after a field: true when there is another. */
static bool read_separator(struct csv_reader *reader, struct csv_row *row)
{
    if (reader->at == reader->end)
        return false;
    if (*reader->at == ',') {
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
    while (reader->at < reader->end && *reader->at == '\r')
        advance(reader);
    if (reader->at < reader->end)
        advance(reader);
    return false;
}

static void skip_empty_lines(struct csv_reader *reader)
{
    while (reader->at < reader->end && at_line_end(reader))
        advance(reader);
}

bool csv_reader_next(struct csv_reader *reader, struct csv_row *row)
{
    row->count = 0;
    row->faulty = false;
    buffer_clear(&reader->texts);
    skip_empty_lines(reader);
    row->line = reader->line;
    if (reader->at == reader->end)
        return false;

    size_t starts[CSV_FIELDS_MAX] = {0};
    do {
        size_t i = row->count < CSV_FIELDS_MAX ? row->count : CSV_FIELDS_MAX - 1;
        starts[i] = reader->texts.length;
        row->fields[i].line = reader->line;
        row->fields[i].column = reader->column;
        row->count++;
        bool quoted = reader->at < reader->end && *reader->at == '"';
        if (quoted && !read_quoted(reader)) {
            document_fault_add(reader->faults, row->fields[i].line, row->fields[i].column, "",
                               "the closing quote is missing");
            row->faulty = true;
        } else if (!quoted) {
            read_plain(reader);
        }
        buffer_put(&reader->texts, "", 1);
    } while (read_separator(reader, row));

    for (size_t i = 0; i < row->count && i < CSV_FIELDS_MAX; i++)
        row->fields[i].text = reader->texts.bytes + starts[i];
    return true;
}
