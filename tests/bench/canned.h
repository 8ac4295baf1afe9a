/* One signed instruction that serves every device of a bench. */
#ifndef TELLERCAST_TESTS_BENCH_CANNED_H
#define TELLERCAST_TESTS_BENCH_CANNED_H

#include "base/buffer.h"
#include "base/fault.h"

/* Opens the signing key in `key_path` and makes it if it is missing. Writes its public half as a JWK Set to `keys_path`
 * unless that is NULL. Appends instruction 1, attempt 1, as a token. */
enum tc_error canned_make(const char *key_path, const char *keys_path, struct buffer *token, struct tc_fault *fault);

#endif
