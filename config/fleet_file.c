#include "config/fleet_file.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* The caller's sink, and the mapping of the file. */
struct feeding {
    const struct fleet_sink *sink;
    void *bytes;
    size_t length;
};

static bool take_branch(void *context, const struct fleet_branch *branch)
{
    const struct feeding *feeding = context;
    return feeding->sink->take_branch(feeding->sink->context, branch);
}

static bool take_device(void *context, const struct fleet_device *device)
{
    const struct feeding *feeding = context;
    return feeding->sink->take_device(feeding->sink->context, device);
}

/* Gives back the pages that were read. A second access would read them from the file again. */
static void give_back_pages(void *context)
{
    const struct feeding *feeding = context;
    (void)madvise(feeding->bytes, feeding->length, MADV_DONTNEED);
    if (feeding->sink->pass != NULL)
        feeding->sink->pass(feeding->sink->context);
}

enum tc_error fleet_file_read(const struct fleet_file *file, const struct fleet_sink *sink,
                              struct document_faults *faults, struct tc_fault *fault)
{
    struct stat status;
    if (fstat(file->file, &status) != 0)
        return tc_fault_set(fault, TC_UNAVAILABLE, "read the fleet: %s", strerror(errno));
    struct feeding feeding = {.sink = sink, .length = (size_t)status.st_size};
    if (feeding.length == 0)
        return fleet_read(file->format, "", 0, &file->rules, sink, faults);
    feeding.bytes = mmap(NULL, feeding.length, PROT_READ, MAP_PRIVATE, file->file, 0);
    if (feeding.bytes == MAP_FAILED)
        return tc_fault_set(fault, TC_UNAVAILABLE, "read the fleet: %s", strerror(errno));
    (void)madvise(feeding.bytes, feeding.length, MADV_SEQUENTIAL);
    const struct fleet_sink fed = {&feeding, take_branch, take_device, give_back_pages};
    enum tc_error error = fleet_read(file->format, feeding.bytes, feeding.length, &file->rules, &fed, faults);
    (void)munmap(feeding.bytes, feeding.length);
    return error;
}
