/* The text of a person's token: tc_ID_SECRET, where ID is its public part (12 hexadecimal digits) and SECRET has 256
 * random bits (43 characters of base64url). What is kept of it is the SHA-256 of the whole text. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_PEOPLE_TOKEN_TEXT_H
#define TELLERCAST_ORCHESTRATOR_PEOPLE_TOKEN_TEXT_H

#include "orchestrator/store/people.h"

/* With the NUL. */
#define TOKEN_TEXT_SIZE (3 + 12 + 1 + 43 + 1)

/* How long a token is valid: by default 90 days, and at most 365. */
#define TOKEN_VALID_S INT64_C(7776000)
#define TOKEN_VALID_MAX_S INT64_C(31536000)

/* Makes a token. The caller wipes `text` when it has shown it. */
void token_text_make(char text[static TOKEN_TEXT_SIZE], char id[static TOKEN_ID_SIZE],
                     char digest[static TOKEN_DIGEST_SIZE]);

/* Writes the digest of any token. */
void token_text_digest(const char *text, char digest[static TOKEN_DIGEST_SIZE]);

#endif
