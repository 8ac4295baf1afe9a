/* Replaces the allocation functions of libpq, hiredis and paho. Not with sanitizers, which have a malloc of their
 * own. */
#ifndef TELLERCAST_TESTS_FAILING_LIBRARY_MEMORY_H
#define TELLERCAST_TESTS_FAILING_LIBRARY_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* True for an address within the code of one of these libraries. Any thread, and signal handlers. */
bool library_memory_is_code(uintptr_t address);

#endif
