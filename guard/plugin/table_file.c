#include "guard/plugin/table_file.h"

#include "base/file.h"
#include "guard/plugin/broker_log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_MODE = 0600, PERIOD_MS = 5000 };
#define TABLE_BYTES_MAX ((size_t)1 << 30)

struct table_file {
    char *path;
    uint64_t written; /* changes of the table that the file has, or will have */
    int64_t next_ms;
    pthread_t thread;
    bool has_thread;
    atomic_bool is_done;
    struct buffer text;
};

struct table_file *table_file_open(const char *folder, struct guard *guard)
{
    struct table_file *file = calloc(1, sizeof *file);
    TC_CHECK(file != NULL && asprintf(&file->path, "%s/devices.json", folder) > 0);
    struct buffer text = {0};
    struct tc_fault fault;
    enum tc_error error = file_read(file->path, TABLE_BYTES_MAX, &text, &fault);
    if (error == TC_OK)
        error = guard_read_directory(guard, buffer_text(&text), text.length, &fault);
    if (error != TC_OK && error != TC_NOT_FOUND)
        broker_log_warning("guard.table_unreadable file=%s reason=\"%s\"", file->path, fault.text);
    buffer_free(&text);
    file->written = guard_directory_changes(guard);
    return file;
}

/* fsync can take long, and the broker has one thread. */
static void *write_file(void *context)
{
    struct table_file *file = context;
    struct tc_fault fault;
    if (file_replace(file->path, file->text.bytes, file->text.length, FILE_MODE, &fault) != TC_OK)
        broker_log_warning("guard.table_not_written file=%s reason=\"%s\"", file->path, fault.text);
    atomic_store(&file->is_done, true);
    return NULL;
}

static void finish_thread(struct table_file *file)
{
    if (!file->has_thread)
        return;
    (void)pthread_join(file->thread, NULL);
    file->has_thread = false;
    buffer_free(&file->text);
}

static void begin(struct table_file *file, const struct guard *guard)
{
    guard_write_directory(guard, &file->text);
    file->written = guard_directory_changes(guard);
    atomic_store(&file->is_done, false);
    file->has_thread = pthread_create(&file->thread, NULL, write_file, file) == 0;
    if (!file->has_thread) {
        (void)write_file(file);
        buffer_free(&file->text);
    }
}

void table_file_step(struct table_file *file, const struct guard *guard, int64_t now_ms)
{
    if (file->has_thread && atomic_load(&file->is_done))
        finish_thread(file);
    if (file->has_thread || file->written == guard_directory_changes(guard) || now_ms < file->next_ms)
        return;
    file->next_ms = now_ms + PERIOD_MS;
    begin(file, guard);
}

void table_file_close(struct table_file *file, const struct guard *guard)
{
    if (file == NULL)
        return;
    finish_thread(file);
    if (file->written != guard_directory_changes(guard))
        begin(file, guard);
    finish_thread(file);
    free(file->path);
    free(file);
}
