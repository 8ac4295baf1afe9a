#include "orchestrator/watermark/watermark_file.h"

#include "base/file.h"
#include "base/id.h"
#include "topics/fields.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { MARK_SIZE_MAX = 16384 };

static const char prefix[] = "watermark-", suffix[] = ".json";

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Raises the numbers of the sequences in `ids` to those in `more`. */
static void merge_ids(json_t *ids, const json_t *more)
{
    const char *sequence;
    json_t *number;
    json_object_foreach((json_t *)(uintptr_t)more, sequence, number)
    {
        int64_t capped = smaller(json_integer_value(number), MARK_BELIEVED_MAX);
        if (capped > json_integer_value(json_object_get(ids, sequence)))
            TC_CHECK(json_object_set_new(ids, sequence, json_integer(capped)) == 0);
    }
}

static void check_ids(struct fields *fields, json_t *ids)
{
    const char *sequence;
    json_t *number;
    json_object_foreach(ids, sequence, number)
    {
        json_int_t value = json_integer_value(number);
        if (!json_is_integer(number) || value < 0 || value > MARK_NUMBER_MAX)
            fields_refuse(fields, "ids", "%.64s: allowed: integers from 0 to %" PRId64, sequence, MARK_NUMBER_MAX);
    }
}

static enum tc_error take_mark(const char *path, const struct buffer *content, struct watermark *mark, json_t *ids,
                               struct tc_fault *fault)
{
    struct fields fields;
    char installation[INSTALLATION_SIZE];
    fields_open(&fields, buffer_text(content), content->length, MARK_SIZE_MAX, fault);
    fields_text(&fields, "installation", FIELD_REQUIRED, installation, sizeof installation);
    int64_t counter = smaller(fields_integer(&fields, "counter", 0, MARK_NUMBER_MAX), MARK_BELIEVED_MAX);
    int64_t epoch = smaller(fields_integer(&fields, "epoch", 0, MARK_NUMBER_MAX), MARK_BELIEVED_MAX);
    json_t *own = fields_object(&fields, "ids", FIELD_REQUIRED);
    check_ids(&fields, own);
    enum tc_error error = fields_close(&fields);
    if (error != TC_OK) {
        json_decref(own);
        (void)tc_fault_context(fault, "%s: not a watermark (remove it only if the database was never restored)", path);
        return TC_INVALID;
    }
    if (mark->installation[0] != '\0' && strcmp(mark->installation, installation) != 0)
        error =
            tc_fault_set(fault, TC_CONFLICT,
                         "%s: it is of installation %s, other watermarks there are of installation %s; remove those "
                         "that do not belong to the database",
                         path, installation, mark->installation);
    (void)snprintf(mark->installation, sizeof mark->installation, "%s", installation);
    mark->counter = counter > mark->counter ? counter : mark->counter;
    mark->epoch = epoch > mark->epoch ? epoch : mark->epoch;
    merge_ids(ids, own);
    json_decref(own);
    return error;
}

static enum tc_error read_mark(const char *folder, const char *name, struct watermark *mark, json_t *ids,
                               struct tc_fault *fault)
{
    char path[PATH_MAX];
    struct buffer content = {0};
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    enum tc_error error = file_read(path, MARK_SIZE_MAX, &content, fault);
    if (error == TC_OK)
        error = take_mark(path, &content, mark, ids, fault);
    buffer_free(&content);
    return error == TC_NOT_FOUND ? TC_OK : error; /* replaced or removed in the meantime */
}

/* Files that file_replace has not renamed yet have another suffix. */
static bool is_mark(const char *name)
{
    size_t length = strlen(name), ending = sizeof suffix - 1;
    return strncmp(name, prefix, sizeof prefix - 1) == 0 && length > ending &&
           strcmp(name + length - ending, suffix) == 0;
}

static enum tc_error take_ids(const json_t *ids, struct watermark *mark, struct tc_fault *fault)
{
    size_t length = json_dumpb(ids, mark->ids, sizeof mark->ids - 1, JSON_COMPACT | JSON_SORT_KEYS);
    if (length >= sizeof mark->ids)
        return tc_fault_set(fault, TC_INVALID, "watermarks: too many sequences");
    mark->ids[length] = '\0';
    return TC_OK;
}

enum tc_error watermark_files_read(const char *folder, struct watermark *mark, struct tc_fault *fault)
{
    *mark = (struct watermark){0};
    DIR *open_folder = opendir(folder);
    if (open_folder == NULL) {
        int number = errno;
        if (number == ENOENT)
            return TC_OK;
        return tc_fault_set(fault, error_from_errno(number), "%s: open: %s", folder, strerror(number));
    }
    json_t *ids = json_object();
    TC_CHECK(ids != NULL);
    enum tc_error error = TC_OK;
    for (struct dirent *entry = readdir(open_folder); entry != NULL && error == TC_OK; entry = readdir(open_folder)) {
        if (is_mark(entry->d_name))
            error = read_mark(folder, entry->d_name, mark, ids, fault);
    }
    (void)closedir(open_folder);
    if (error == TC_OK)
        error = take_ids(ids, mark, fault);
    json_decref(ids);
    return error;
}

/* Appends a name as a part of a file name: other characters become "_". */
static void put_name(const char *name, struct buffer *path)
{
    for (; *name != '\0'; name++)
        buffer_put(path, id_is_valid(name, 1) ? name : "_", 1);
}

enum tc_error watermark_file_write(const char *folder, const char *name, const struct watermark *mark,
                                   struct tc_fault *fault)
{
    struct buffer path = {0}, content = {0};
    buffer_format(&path, "%s/%s", folder, prefix);
    put_name(name, &path);
    buffer_put_text(&path, suffix);
    buffer_format(&content, "{\"installation\":\"%s\",\"counter\":%" PRId64 ",\"epoch\":%" PRId64 ",\"ids\":%s}\n",
                  mark->installation, mark->counter, mark->epoch, mark->ids);
    enum tc_error error = file_replace(buffer_text(&path), content.bytes, content.length, 0640, fault);
    buffer_free(&content);
    buffer_free(&path);
    return error;
}
