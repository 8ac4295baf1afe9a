/* What an instruction orders, as a short text. Any thread. */
#ifndef TELLERCAST_CLIENTS_AGENT_ACTION_DIGEST_H
#define TELLERCAST_CLIENTS_AGENT_ACTION_DIGEST_H

#include "clients/agent/action/journal.h"
#include "topics/token.h"

/* Writes the digest of rollout, action, artifact and parameters: two instructions with one ID and two digests are two
 * instructions. */
void instruction_digest(const struct instruction_payload *payload, char content[static JOURNAL_CONTENT_SIZE]);

#endif
