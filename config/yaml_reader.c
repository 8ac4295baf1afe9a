#include "config/yaml_reader.h"

#include "base/utf8.h"
#include "config/text_form.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { CHECKED_FIRST_MOST = 16 << 20 };

struct yaml_reader {
    yaml_parser_t parser;
    yaml_event_t event; /* has the text of the last item */
    bool has_event, ended;
    unsigned depth;
    const char *bytes;
    size_t length;
    struct document_faults *faults;
};

static void fault_at_offset(struct yaml_reader *reader, size_t offset, const char *detail)
{
    unsigned line = 1, column = 1;
    for (size_t i = 0; i < offset && i < reader->length; i++) {
        unsigned char byte = (unsigned char)reader->bytes[i];
        if (byte == '\n') {
            line++;
            column = 1;
        } else if ((byte & 0xC0) != 0x80) {
            column++;
        }
    }
    document_fault_add(reader->faults, line, column, "", "%s", detail);
}

static void fault_at_mark(struct yaml_reader *reader, const yaml_mark_t *mark, const char *detail)
{
    document_fault_add(reader->faults, (unsigned)mark->line + 1, (unsigned)mark->column + 1, "", "%s", detail);
}

struct yaml_reader *yaml_reader_open(const char *bytes, size_t length, struct document_faults *faults)
{
    struct yaml_reader *reader = calloc(1, sizeof *reader);
    TC_CHECK(reader != NULL && yaml_parser_initialize(&reader->parser));
    size_t mark = text_form_mark_length(bytes, length); /* libyaml would count it as a character of the first line */
    length -= mark;
    reader->bytes = length == 0 ? "" : bytes + mark;
    reader->length = length;
    reader->faults = faults;
    yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader->parser, (const unsigned char *)reader->bytes, length);

    const char *wrong_form = text_form_fault(reader->bytes, length);
    /* A longer document is not checked twice: libyaml finds the wrong byte when it reads it. */
    size_t valid = length > CHECKED_FIRST_MOST ? length : utf8_valid_length(reader->bytes, length);
    if (wrong_form != NULL)
        fault_at_offset(reader, 0, wrong_form);
    else if (valid < length)
        fault_at_offset(reader, valid, "this byte is not UTF-8; save the file as UTF-8");
    reader->ended = wrong_form != NULL || valid < length;
    return reader;
}

static void drop_event(struct yaml_reader *reader)
{
    if (reader->has_event)
        yaml_event_delete(&reader->event);
    reader->has_event = false;
}

void yaml_reader_close(struct yaml_reader *reader)
{
    if (reader == NULL)
        return;
    drop_event(reader);
    yaml_parser_delete(&reader->parser);
    free(reader);
}

static void fault_from_parser(struct yaml_reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    TC_CHECK(parser->error != YAML_MEMORY_ERROR);
    const char *problem = parser->problem == NULL ? "it cannot be read" : parser->problem;
    if (strcmp(problem, "found character that cannot start any token") == 0)
        problem = "found a tab or another character that cannot begin a value (indent with spaces, quote @ ` %)";
    if (parser->error == YAML_READER_ERROR) {
        fault_at_offset(reader, parser->problem_offset, problem);
        return;
    }
    const yaml_mark_t *mark = &parser->problem_mark;
    document_fault_add(reader->faults, (unsigned)mark->line + 1, (unsigned)mark->column + 1, "", "not YAML: %s%s%s",
                       problem, parser->context == NULL ? "" : " ", parser->context == NULL ? "" : parser->context);
}

/* Returns false at the end of the stream and after an error. */
static bool read_event(struct yaml_reader *reader)
{
    drop_event(reader);
    if (reader->ended)
        return false;
    if (!yaml_parser_parse(&reader->parser, &reader->event)) {
        fault_from_parser(reader);
        reader->ended = true;
        return false;
    }
    reader->has_event = true;
    reader->ended = reader->event.type == YAML_STREAM_END_EVENT;
    return !reader->ended;
}

static void check_properties(struct yaml_reader *reader, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor != NULL)
        fault_at_mark(reader, &reader->event.start_mark, "anchors (&name) are not allowed");
    if (tag != NULL)
        fault_at_mark(reader, &reader->event.start_mark, "tags (!name) are not allowed");
}

static void give_text(struct yaml_reader *reader, struct yaml_item *item)
{
    check_properties(reader, reader->event.data.scalar.anchor, reader->event.data.scalar.tag);
    item->kind = ITEM_TEXT;
    item->text = (const char *)reader->event.data.scalar.value;
    item->length = reader->event.data.scalar.length;
    item->plain = reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (strlen(item->text) != item->length) {
        fault_at_mark(reader, &reader->event.start_mark, "a text may not hold a NUL character");
        item->kind = ITEM_REFUSED;
    }
}

static void give_container(struct yaml_reader *reader, struct yaml_item *item, enum yaml_item_kind kind)
{
    if (kind == ITEM_LIST)
        check_properties(reader, reader->event.data.sequence_start.anchor, reader->event.data.sequence_start.tag);
    else
        check_properties(reader, reader->event.data.mapping_start.anchor, reader->event.data.mapping_start.tag);
    item->kind = kind;
    if (reader->depth == YAML_DEPTH_MAX) {
        /* libyaml's time grows with the square of the depth, so the rest is not read. */
        fault_at_mark(reader, &reader->event.start_mark, "nested deeper than 32");
        reader->ended = true;
        item->kind = ITEM_END;
    } else {
        reader->depth++;
    }
}

/* Adds a fault for a second document and ends the reading. */
static bool is_second_document(struct yaml_reader *reader, bool seen_one)
{
    if (!seen_one)
        return false;
    fault_at_mark(reader, &reader->event.start_mark, "a second document is not allowed");
    reader->ended = true;
    return true;
}

void yaml_reader_next(struct yaml_reader *reader, struct yaml_item *item)
{
    *item = (struct yaml_item){.kind = ITEM_END, .text = ""};
    bool seen_document = false;
    while (read_event(reader)) {
        item->line = (unsigned)reader->event.start_mark.line + 1;
        item->column = (unsigned)reader->event.start_mark.column + 1;
        switch (reader->event.type) {
        case YAML_SCALAR_EVENT: give_text(reader, item); return;
        case YAML_SEQUENCE_START_EVENT: give_container(reader, item, ITEM_LIST); return;
        case YAML_MAPPING_START_EVENT: give_container(reader, item, ITEM_MAP); return;
        case YAML_ALIAS_EVENT:
            fault_at_mark(reader, &reader->event.start_mark, "aliases (*name) are not allowed");
            item->kind = ITEM_REFUSED;
            return;
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT:
            reader->depth--;
            item->kind = ITEM_CLOSE;
            return;
        case YAML_DOCUMENT_END_EVENT: seen_document = true; break;
        case YAML_DOCUMENT_START_EVENT:
            if (is_second_document(reader, seen_document))
                return;
            break;
        default: break;
        }
    }
}
