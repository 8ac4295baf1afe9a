#include "guard/directory.h"

#include "guard/map.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct table {
    struct map devices; /* struct directory_entry */
    struct map revoked; /* texts */
    size_t retired;
};

struct directory {
    struct table in_force;
    struct table incoming; /* a whole table of which not all messages have come */
    bool is_receiving;
    char generation[TC_ID_SIZE];
    int64_t sequence;
};

static void free_table(struct table *table)
{
    map_free(&table->devices, free);
    map_free(&table->revoked, free);
    *table = (struct table){0};
}

static void put_entry(struct table *table, const struct directory_entry *entry)
{
    struct directory_entry *own = map_find(&table->devices, entry->id);
    if (own == NULL) {
        own = malloc(sizeof *own);
        TC_CHECK(own != NULL);
        *own = *entry;
        map_put(&table->devices, own->id, own);
        table->retired += own->retired;
        return;
    }
    table->retired += (size_t)entry->retired;
    table->retired -= (size_t)own->retired;
    *own = *entry;
}

/* A serial number is a number: some programs write its digits in pairs. */
static const char *without_zeros(const char *serial)
{
    return serial + strspn(serial, "0");
}

static void put_revoked(struct table *table, const char *written)
{
    const char *serial = without_zeros(written);
    if (map_find(&table->revoked, serial) != NULL)
        return;
    char *own = strdup(serial);
    TC_CHECK(own != NULL);
    map_put(&table->revoked, own, own);
}

static void put_all(struct table *table, const struct directory_message *message)
{
    for (size_t i = 0; i < message->entry_count; i++)
        put_entry(table, &message->entries[i]);
    for (size_t i = 0; i < message->revoked_count; i++)
        put_revoked(table, message->revoked[i]);
}

struct directory *directory_open(void)
{
    struct directory *directory = calloc(1, sizeof *directory);
    TC_CHECK(directory != NULL);
    return directory;
}

void directory_close(struct directory *directory)
{
    if (directory == NULL)
        return;
    free_table(&directory->in_force);
    free_table(&directory->incoming);
    free(directory);
}

static bool begins(const struct directory_message *message)
{
    return message->part == DIRECTORY_BEGINS || message->part == DIRECTORY_WHOLE;
}

static bool ends(const struct directory_message *message)
{
    return message->part == DIRECTORY_ENDS || message->part == DIRECTORY_WHOLE;
}

static enum tc_error check_order(const struct directory *directory, const struct directory_message *message,
                                 struct tc_fault *fault)
{
    if (begins(message))
        return TC_OK;
    if (strcmp(message->generation, directory->generation) != 0)
        return tc_fault_set(fault, TC_CONFLICT, "found generation %s, expected %s", message->generation,
                            directory->generation[0] == '\0' ? "a whole table" : directory->generation);
    if (message->sequence != directory->sequence + 1)
        return tc_fault_set(fault, TC_CONFLICT, "found sequence %" PRId64 ", expected %" PRId64, message->sequence,
                            directory->sequence + 1);
    if (directory->is_receiving != (message->part != DIRECTORY_CHANGE))
        return tc_fault_set(fault, TC_CONFLICT, "%s",
                            directory->is_receiving ? "a change inside of a whole table"
                                                    : "a part of a table that has not begun");
    return TC_OK;
}

enum tc_error directory_take(struct directory *directory, const struct directory_message *message, bool *is_changed,
                             struct tc_fault *fault)
{
    *is_changed = false;
    if (strcmp(message->generation, directory->generation) == 0 && message->sequence == directory->sequence)
        return TC_OK; /* QoS 1 can deliver it twice */
    enum tc_error error = check_order(directory, message, fault);
    if (error != TC_OK)
        return error;
    if (begins(message)) {
        free_table(&directory->incoming);
        directory->is_receiving = true;
    }
    memcpy(directory->generation, message->generation, sizeof directory->generation);
    directory->sequence = message->sequence;
    put_all(directory->is_receiving ? &directory->incoming : &directory->in_force, message);
    if (ends(message)) {
        free_table(&directory->in_force);
        directory->in_force = directory->incoming;
        directory->incoming = (struct table){0};
        directory->is_receiving = false;
    }
    *is_changed = !directory->is_receiving;
    return TC_OK;
}

const struct directory_entry *directory_find(const struct directory *directory, const char *id)
{
    return map_find(&directory->in_force.devices, id);
}

bool directory_is_revoked(const struct directory *directory, const char *serial)
{
    return map_find(&directory->in_force.revoked, without_zeros(serial)) != NULL;
}

struct directory_facts directory_facts(const struct directory *directory)
{
    const struct table *table = &directory->in_force;
    return (struct directory_facts){directory->generation, directory->sequence, table->devices.count, table->retired,
                                    table->revoked.count};
}

/* ---- the table as text ------------------------------------------------------------------------- */

/* The first message of a table that is written has nothing in it, and the last one, too: so each piece is a message of
 * its own, whatever follows. */
struct writing {
    struct buffer *out, message;
    struct directory_writer writer;
    int64_t sequence;
};

static void begin_message(struct writing *writing, enum directory_part part)
{
    directory_write_begin(&writing->writer, &writing->message, "saved", ++writing->sequence, part);
}

static void end_message(struct writing *writing)
{
    directory_write_end(&writing->writer);
    buffer_put(writing->out, writing->message.bytes, writing->message.length);
    buffer_put_text(writing->out, "\n");
}

static void make_space(struct writing *writing)
{
    if (directory_writer_has_space(&writing->writer))
        return;
    end_message(writing);
    begin_message(writing, DIRECTORY_CONTINUES);
}

static void write_entry(void *context, void *value)
{
    make_space(context);
    directory_write_entry(&((struct writing *)context)->writer, value);
}

static void write_revoked(void *context, void *value)
{
    make_space(context);
    directory_write_revoked(&((struct writing *)context)->writer, value);
}

void directory_write(const struct directory *directory, struct buffer *out)
{
    struct writing writing = {.out = out};
    begin_message(&writing, DIRECTORY_BEGINS);
    map_visit(&directory->in_force.devices, write_entry, &writing);
    map_visit(&directory->in_force.revoked, write_revoked, &writing);
    end_message(&writing);
    begin_message(&writing, DIRECTORY_ENDS);
    end_message(&writing);
    buffer_free(&writing.message);
}

enum tc_error directory_read(struct directory *directory, const char *text, size_t length, struct tc_fault *fault)
{
    struct directory *read = directory_open();
    enum tc_error error = TC_OK;
    bool is_whole = false;
    for (size_t line = 1; length > 0 && error == TC_OK; line++) {
        const char *end = memchr(text, '\n', length);
        size_t bytes = end == NULL ? length : (size_t)(end - text);
        struct directory_message message;
        error = directory_decode(text, bytes, &message, fault);
        if (error == TC_OK)
            error = directory_take(read, &message, &is_whole, fault);
        directory_free(&message);
        if (error != TC_OK)
            error = tc_fault_set(fault, TC_INVALID, "line %zu: %.200s", line, fault == NULL ? "" : fault->text);
        text += end == NULL ? bytes : bytes + 1;
        length -= end == NULL ? bytes : bytes + 1;
    }
    if (error == TC_OK && !is_whole)
        error = tc_fault_set(fault, TC_INVALID, "the table has no end");
    if (error == TC_OK) {
        free_table(&directory->in_force);
        directory->in_force = read->in_force;
        read->in_force = (struct table){0};
    }
    directory_close(read);
    return error;
}
