/* The language of behaviour files. Private to behaviour.c. */
#ifndef TELLERCAST_TESTS_FLEET_BEHAVIOUR_KEYS_H
#define TELLERCAST_TESTS_FLEET_BEHAVIOUR_KEYS_H

#include "config/schema.h"

/* The schema of the whole document. */
extern const struct schema_key behaviour_document_key;

#endif
