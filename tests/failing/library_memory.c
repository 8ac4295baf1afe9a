/* The program's own malloc replaces glibc's, for the libraries too. It allocates from glibc, but checks whether a
 * library called it. */
#include "tests/failing/library_memory.h"

#include "tests/failing/failing.h"

#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PUBLIC __attribute__((visibility("default")))

enum { PLACES_MAX = 8 };

struct place {
    uintptr_t first, end;
};

static struct place places[PLACES_MAX]; /* where the code of the libraries is */
static size_t place_count;

/* glibc's names of the functions that are replaced here. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static int note_library(struct dl_phdr_info *object, size_t size, void *context)
{
    (void)size;
    (void)context;
    static const char *const names[] = {"/libpq.", "/libhiredis.", "/libpaho-mqtt3as."};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        if (strstr(object->dlpi_name, names[n]) == NULL)
            continue;
        for (int i = 0; i < object->dlpi_phnum && place_count < PLACES_MAX; i++) {
            const ElfW(Phdr) *part = &object->dlpi_phdr[i];
            uintptr_t first = object->dlpi_addr + part->p_vaddr;
            if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0)
                places[place_count++] = (struct place){first, first + part->p_memsz};
        }
    }
    return 0;
}

__attribute__((constructor)) static void find_the_libraries(void)
{
    (void)dl_iterate_phdr(note_library, NULL);
}

bool library_memory_is_code(uintptr_t address)
{
    for (size_t i = 0; i < place_count; i++) {
        if (address >= places[i].first && address < places[i].end)
            return true;
    }
    return false;
}

/* Returns true when a library called and must get no memory. */
static bool is_out(const void *caller)
{
    return library_memory_is_code((uintptr_t)caller) && failing_is_next(LIBRARY_MEMORY_IS_OUT);
}

/* glibc names its parameters by reserved identifiers. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
PUBLIC void *malloc(size_t size)
{
    return is_out(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

PUBLIC void *calloc(size_t count, size_t size)
{
    return is_out(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

PUBLIC void *realloc(void *memory, size_t size)
{
    return is_out(__builtin_return_address(0)) ? NULL : __libc_realloc(memory, size);
}

PUBLIC char *strdup(const char *text)
{
    if (is_out(__builtin_return_address(0)))
        return NULL;
    size_t size = strlen(text) + 1;
    char *copy = __libc_malloc(size);
    return copy == NULL ? NULL : memcpy(copy, text, size);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
