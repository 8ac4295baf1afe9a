/* A fleet of a test's own text as a file, for inventory_import(). */
#ifndef TELLERCAST_TESTS_FLEET_IN_MEMORY_H
#define TELLERCAST_TESTS_FLEET_IN_MEMORY_H

#include "base/file.h"
#include "orchestrator/store/inventory.h"
#include "orchestrator/wording/finding_words.h"
#include "tests/act_of_test.h"

#include <sys/mman.h>
#include <unistd.h>

static inline int memory_file(const char *text, size_t length)
{
    int file = memfd_create("fleet", MFD_CLOEXEC);
    TC_CHECK(file >= 0 && file_write_all(file, text, length, NULL) == TC_OK);
    return file;
}

/* Imports YAML, with UTC as the default zone. */
static inline enum tc_error import_from_memory(struct store *store, const char *text, size_t length,
                                               struct document_faults *faults, struct tc_fault *fault)
{
    struct fleet_imported imported;
    const struct fleet_file file = {memory_file(text, length), FLEET_YAML, {.default_zone = "UTC"}};
    int scratch = memory_file("", 0);
    struct fleet_findings findings;
    struct act act = act_of_test(ACCESS_IMPORT_FLEET);
    acts_set(store, &act);
    enum tc_error error = inventory_import(store, &file, scratch, NULL, &imported, faults, &findings, fault);
    acts_set(store, NULL);
    fleet_findings_add(&findings, faults);
    (void)close(scratch);
    (void)close(file.file);
    return error;
}

#endif
