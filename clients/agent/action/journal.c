#include "clients/agent/action/journal.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/log.h"
#include "clients/agent/action/journal_record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FILE_SIZE_MAX = 64 << 20,
    REWRITE_SIZE = 1 << 20, /* the file is rewritten when it is larger than this, and than twice its last rewrite */
    KEPT_ENTRIES = 256,     /* expired entries kept: the device's recent history */
};

struct journal {
    char *path;
    int file;
    size_t size_bytes;
    size_t rewrite_bytes;
    struct journal_entry *entries;
    size_t count;
    size_t capacity;
    struct journal_high_water_marks high_water_marks;
};

static struct journal_entry *find(const struct journal *journal, int64_t instruction)
{
    for (size_t i = journal->count; i > 0; i--) {
        if (journal->entries[i - 1].instruction == instruction)
            return &journal->entries[i - 1];
    }
    return NULL;
}

/* The entries stand in the order of their instructions' first write. */
static void apply_entry(struct journal *journal, const struct journal_entry *entry)
{
    struct journal_entry newest = *entry; /* `entry` may be one of those that move */
    struct journal_entry *old = find(journal, newest.instruction);
    if (old != NULL) {
        *old = newest;
        return;
    }
    if (journal->count == journal->capacity) {
        journal->capacity = journal->capacity == 0 ? 16 : journal->capacity * 2;
        journal->entries = realloc(journal->entries, journal->capacity * sizeof *journal->entries);
        TC_CHECK(journal->entries != NULL);
    }
    journal->entries[journal->count++] = newest;
}

static enum tc_error load_line(struct journal *journal, const char *line, size_t length, struct tc_fault *fault)
{
    struct journal_record record;
    enum tc_error error = journal_record_read(line, length, &record, fault);
    if (error == TC_OK && record.is_high_water_marks)
        journal->high_water_marks = record.high_water_marks;
    else if (error == TC_OK)
        apply_entry(journal, &record.entry);
    return error;
}

/* Returns the number of bytes in complete lines. */
static size_t load_lines(struct journal *journal, const struct buffer *content, bool *is_damaged)
{
    const char *text = buffer_text(content);
    const char *end;
    struct tc_fault fault;
    size_t start = 0;
    *is_damaged = false;
    while ((end = memchr(text + start, '\n', content->length - start)) != NULL) {
        size_t length = (size_t)(end - text) - start;
        if (load_line(journal, text + start, length, &fault) != TC_OK) {
            LOG_ERROR("journal.record_damaged", F_STR("path", journal->path), F_INT("offset", start),
                      F_STR("fault", fault.text));
            *is_damaged = true;
        }
        start += length + 1;
    }
    /* A whole record with a wrong byte in place of its line end is damaged, not torn. */
    if (start < content->length && load_line(journal, text + start, content->length - 1 - start, NULL) == TC_OK) {
        LOG_ERROR("journal.line_end_damaged", F_STR("path", journal->path), F_INT("offset", start));
        *is_damaged = true;
    }
    return start;
}

static enum tc_error fault_of_errno(const struct journal *journal, const char *what, struct tc_fault *fault)
{
    int number = errno;
    return tc_fault_set(fault, error_from_errno(number), "%s: %s: %s", journal->path, what, strerror(number));
}

static enum tc_error cut_to(struct journal *journal, size_t size_bytes, struct tc_fault *fault)
{
    if (ftruncate(journal->file, (off_t)size_bytes) != 0 || fsync(journal->file) != 0)
        return fault_of_errno(journal, "truncate", fault);
    journal->size_bytes = size_bytes;
    return TC_OK;
}

static enum tc_error open_file(struct journal *journal, struct tc_fault *fault)
{
    journal->file = open(journal->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (journal->file < 0)
        return fault_of_errno(journal, "open", fault);
    return file_sync_folder_of(journal->path, fault);
}

/* Forgets the oldest entries that can no longer be asked for: their tokens have expired. */
static void forget_expired(struct journal *journal)
{
    size_t kept = 0;
    for (size_t i = 0; i < journal->count; i++) {
        const struct journal_entry *entry = &journal->entries[i];
        bool expired = entry->expires_s < journal->high_water_marks.issued_at_s && entry->stage != JOURNAL_INTENT;
        if (!expired || journal->count - i <= KEPT_ENTRIES)
            journal->entries[kept++] = *entry;
    }
    journal->count = kept;
}

static enum tc_error rewrite(struct journal *journal, struct tc_fault *fault)
{
    forget_expired(journal);
    struct buffer content = {0};
    journal_record_put_high_water_marks(&content, &journal->high_water_marks);
    for (size_t i = 0; i < journal->count; i++)
        journal_record_put_entry(&content, &journal->entries[i]);
    enum tc_error error = file_replace(journal->path, content.bytes, content.length, 0600, fault);
    if (error == TC_OK) {
        (void)close(journal->file);
        error = open_file(journal, fault);
        journal->size_bytes = content.length;
        journal->rewrite_bytes = content.length * 2 > REWRITE_SIZE ? content.length * 2 : REWRITE_SIZE;
    }
    buffer_free(&content);
    return error;
}

/* Atomic: either the new file says that it is in doubt, or the damage is found again. */
static enum tc_error mark_in_doubt(struct journal *journal, struct tc_fault *fault)
{
    LOG_ERROR("journal.in_doubt", F_STR("path", journal->path));
    journal->high_water_marks.forgotten_before_s = JOURNAL_ALL_FORGOTTEN;
    return rewrite(journal, fault);
}

static enum tc_error load(struct journal *journal, struct tc_fault *fault)
{
    struct buffer content = {0};
    enum tc_error error = file_read(journal->path, FILE_SIZE_MAX, &content, fault);
    if (error == TC_OK) {
        bool is_damaged;
        size_t whole = load_lines(journal, &content, &is_damaged);
        journal->size_bytes = whole;
        if (is_damaged) {
            error = mark_in_doubt(journal, fault);
        } else if (whole < content.length) {
            LOG_WARNING("journal.torn_tail_cut", F_STR("path", journal->path), F_INT("bytes", content.length - whole));
            error = cut_to(journal, whole, fault);
        }
    }
    buffer_free(&content);
    return error;
}

enum tc_error journal_open(const char *path, struct journal **journal, struct tc_fault *fault)
{
    struct journal *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->rewrite_bytes = REWRITE_SIZE;
    opened->path = strdup(path);
    TC_CHECK(opened->path != NULL);
    enum tc_error error = open_file(opened, fault);
    if (error == TC_OK)
        error = load(opened, fault);
    if (error != TC_OK) {
        journal_close(opened);
        opened = NULL;
    }
    *journal = opened;
    return error;
}

void journal_close(struct journal *journal)
{
    if (journal == NULL)
        return;
    if (journal->file >= 0)
        (void)close(journal->file);
    free(journal->entries);
    free(journal->path);
    free(journal);
}

static enum tc_error write_line(struct journal *journal, const struct buffer *line, struct tc_fault *fault)
{
    ssize_t written = write(journal->file, line->bytes, line->length);
    if (written == (ssize_t)line->length && fdatasync(journal->file) == 0) {
        journal->size_bytes += line->length;
        return TC_OK;
    }
    if (written >= 0 && written < (ssize_t)line->length)
        errno = ENOSPC; /* a short write to a regular file means that the disk is full */
    enum tc_error error = fault_of_errno(journal, "append", fault);
    if (cut_to(journal, journal->size_bytes, NULL) != TC_OK)
        LOG_ERROR("journal.cut_failed", F_STR("path", journal->path));
    return error;
}

/* A journal that cannot be rewritten is only large: the append itself has succeeded. */
static void rewrite_when_large(struct journal *journal)
{
    struct tc_fault fault;
    if (journal->size_bytes > journal->rewrite_bytes && rewrite(journal, &fault) != TC_OK)
        LOG_ERROR("journal.rewrite_failed", F_STR("fault", fault.text));
}

enum tc_error journal_write(struct journal *journal, const struct journal_entry *entry, struct tc_fault *fault)
{
    struct buffer line = {0};
    journal_record_put_entry(&line, entry);
    enum tc_error error = write_line(journal, &line, fault);
    buffer_free(&line);
    apply_entry(journal, entry);
    rewrite_when_large(journal);
    return error;
}

enum tc_error journal_write_high_water_marks(struct journal *journal,
                                             const struct journal_high_water_marks *high_water_marks,
                                             struct tc_fault *fault)
{
    struct buffer line = {0};
    journal_record_put_high_water_marks(&line, high_water_marks);
    enum tc_error error = write_line(journal, &line, fault);
    buffer_free(&line);
    journal->high_water_marks = *high_water_marks;
    return error;
}

enum tc_error journal_settle(struct journal *journal, int64_t issued_at_s, struct tc_fault *fault)
{
    journal->high_water_marks.forgotten_before_s = issued_at_s;
    enum tc_error error = rewrite(journal, fault);
    if (error != TC_OK)
        journal->high_water_marks.forgotten_before_s = JOURNAL_ALL_FORGOTTEN;
    return error;
}

const struct journal_entry *journal_find(const struct journal *journal, int64_t instruction)
{
    return find(journal, instruction);
}

struct journal_high_water_marks journal_high_water_marks(const struct journal *journal)
{
    return journal->high_water_marks;
}

const struct journal_entry *journal_at(const struct journal *journal, size_t index)
{
    return index < journal->count ? &journal->entries[index] : NULL;
}
