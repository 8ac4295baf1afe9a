#include "clients/agent/outbox.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/log.h"
#include "topics/topic.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct item {
    struct report report;
    bool is_sent;
    int64_t due_ms;
    int64_t delay_ms; /* until the next resend */
};

struct outbox {
    struct outbox_config config;
    char *folder;
    struct item *items;
    size_t count;
    size_t capacity;
};

static const char file_suffix[] = ".json";

static void path_of(const struct outbox *outbox, int64_t instruction, int32_t attempt, char path[static PATH_MAX])
{
    (void)snprintf(path, PATH_MAX, "%s/%" PRId64 ".%" PRId32 "%s", outbox->folder, instruction, attempt, file_suffix);
}

static struct item *find(const struct outbox *outbox, int64_t instruction, int32_t attempt)
{
    for (size_t i = 0; i < outbox->count; i++) {
        const struct report *report = &outbox->items[i].report;
        if (report->instruction == instruction && report->attempt == attempt)
            return &outbox->items[i];
    }
    return NULL;
}

/* Keeps the order: later reports are sent later. */
static void remove_item(struct outbox *outbox, struct item *item)
{
    report_free(&item->report);
    size_t behind = outbox->count - 1 - (size_t)(item - outbox->items);
    memmove(item, item + 1, behind * sizeof *item);
    outbox->count--;
}

/* Takes ownership of the contents of `report`. */
static void add(struct outbox *outbox, const struct report *report)
{
    struct item *item = find(outbox, report->instruction, report->attempt);
    if (item != NULL)
        remove_item(outbox, item);
    if (outbox->count == outbox->capacity) {
        outbox->capacity = outbox->capacity == 0 ? 8 : outbox->capacity * 2;
        outbox->items = realloc(outbox->items, outbox->capacity * sizeof *outbox->items);
        TC_CHECK(outbox->items != NULL);
    }
    item = &outbox->items[outbox->count++];
    *item = (struct item){.report = *report, .due_ms = INT64_MIN, .delay_ms = outbox->config.resend_first_ms};
}

static enum tc_error load_file(struct outbox *outbox, const char *name, struct tc_fault *fault)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", outbox->folder, name);
    struct buffer content = {0};
    struct report report;
    enum tc_error error = file_read(path, MESSAGE_SIZE_MAX, &content, fault);
    if (error == TC_OK)
        error = report_decode(buffer_text(&content), content.length, &report, fault);
    buffer_free(&content);
    if (error == TC_OK)
        add(outbox, &report);
    return error;
}

/* In the order of the reports. */
static int compare_items(const void *a, const void *b)
{
    const struct report *first = &((const struct item *)a)->report, *second = &((const struct item *)b)->report;
    if (first->at_ms != second->at_ms)
        return first->at_ms < second->at_ms ? -1 : 1;
    if (first->instruction != second->instruction)
        return first->instruction < second->instruction ? -1 : 1;
    return first->attempt < second->attempt ? -1 : first->attempt > second->attempt;
}

static enum tc_error load(struct outbox *outbox, struct tc_fault *fault)
{
    DIR *folder = opendir(outbox->folder);
    if (folder == NULL) {
        int number = errno;
        return tc_fault_set(fault, error_from_errno(number), "%s: open: %s", outbox->folder, strerror(number));
    }
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] == '.')
            continue;
        struct tc_fault here = {0};
        const char *suffix = strstr(entry->d_name, file_suffix);
        bool is_whole = suffix != NULL && strcmp(suffix, file_suffix) == 0;
        enum tc_error error = is_whole ? load_file(outbox, entry->d_name, &here) : TC_INVALID;
        if (error == TC_INVALID || error == TC_TOO_LARGE) {
            LOG_WARNING("outbox.file_removed", F_STR("file", entry->d_name), F_STR("fault", here.text));
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
        } else if (error != TC_OK) {
            LOG_ERROR("outbox.file_unreadable", F_STR("file", entry->d_name), F_STR("fault", here.text));
        }
    }
    (void)closedir(folder);
    if (outbox->count > 0)
        qsort(outbox->items, outbox->count, sizeof *outbox->items, compare_items);
    return TC_OK;
}

enum tc_error outbox_open(const struct outbox_config *config, struct outbox **outbox, struct tc_fault *fault)
{
    struct outbox *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->config = *config;
    opened->folder = strdup(config->folder);
    TC_CHECK(opened->folder != NULL);
    opened->config.folder = opened->folder;
    enum tc_error error = file_make_folders(opened->folder, 0700, fault);
    if (error == TC_OK)
        error = load(opened, fault);
    if (error != TC_OK) {
        outbox_close(opened);
        opened = NULL;
    }
    *outbox = opened;
    return error;
}

void outbox_close(struct outbox *outbox)
{
    if (outbox == NULL)
        return;
    for (size_t i = 0; i < outbox->count; i++)
        report_free(&outbox->items[i].report);
    free(outbox->items);
    free(outbox->folder);
    free(outbox);
}

enum tc_error outbox_put(struct outbox *outbox, const struct report *report, struct tc_fault *fault)
{
    struct buffer content = {0};
    char path[PATH_MAX];
    path_of(outbox, report->instruction, report->attempt, path);
    report_encode(report, &content);
    enum tc_error error = file_replace(path, content.bytes, content.length, 0600, fault);
    buffer_free(&content);
    struct report copy = *report;
    (void)json_incref(copy.versions);
    add(outbox, &copy);
    return error;
}

static void remove_confirmed(struct outbox *outbox, struct item *item)
{
    char path[PATH_MAX];
    path_of(outbox, item->report.instruction, item->report.attempt, path);
    /* A deletion that is lost in a crash only sends the report once more. */
    if (unlink(path) != 0 && errno != ENOENT)
        LOG_ERROR("outbox.remove_failed", F_STR("path", path), F_STR("fault", strerror(errno)));
    remove_item(outbox, item);
}

bool outbox_confirm(struct outbox *outbox, int64_t instruction, int32_t attempt, int32_t sequence)
{
    struct item *item = find(outbox, instruction, attempt);
    if (item == NULL || item->report.sequence > sequence)
        return false;
    remove_confirmed(outbox, item);
    return true;
}

/* Final reports except `deferred` are confirmed without a request; after a resend the confirm or the report was lost.
 */
static bool wants_confirm(const struct item *item)
{
    return item->is_sent || item->report.state == REPORT_DEFERRED;
}

const struct report *outbox_take_due(struct outbox *outbox, int64_t now_monotonic_ms)
{
    for (size_t i = 0; i < outbox->count; i++) {
        struct item *item = &outbox->items[i];
        if (item->due_ms > now_monotonic_ms)
            continue;
        item->report.confirm = wants_confirm(item);
        item->is_sent = true;
        item->due_ms = now_monotonic_ms + item->delay_ms;
        int64_t doubled = item->delay_ms * 2;
        item->delay_ms = doubled < outbox->config.resend_longest_ms ? doubled : outbox->config.resend_longest_ms;
        return &item->report;
    }
    return NULL;
}

int64_t outbox_next_ms(const struct outbox *outbox)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < outbox->count; i++) {
        if (outbox->items[i].due_ms < next_ms)
            next_ms = outbox->items[i].due_ms;
    }
    return next_ms;
}

static void make_due(struct outbox *outbox, struct item *item)
{
    item->due_ms = INT64_MIN;
    item->delay_ms = outbox->config.resend_first_ms;
}

bool outbox_make_due(struct outbox *outbox, int64_t instruction, int32_t attempt)
{
    struct item *item = find(outbox, instruction, attempt);
    if (item == NULL)
        return false;
    make_due(outbox, item);
    return true;
}

void outbox_make_all_due(struct outbox *outbox)
{
    for (size_t i = 0; i < outbox->count; i++)
        make_due(outbox, &outbox->items[i]);
}

size_t outbox_count(const struct outbox *outbox)
{
    return outbox->count;
}
