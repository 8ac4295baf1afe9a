/* The setting webhooks: where events are sent. */
#ifndef TELLERCAST_CONFIG_WEBHOOKS_H
#define TELLERCAST_CONFIG_WEBHOOKS_H

#include "base/id.h"

#include <stdbool.h>
#include <stddef.h>

struct schema_key;

/* At most so many webhooks, and secrets of one: while a secret is replaced it has both. */
#define WEBHOOKS_MAX 16
#define WEBHOOK_SECRETS_MAX 2
#define WEBHOOK_KINDS_MAX 16

struct webhook_settings {
    char name[TC_ID_SIZE];
    char *url;
    char *ca_file; /* "": the authorities of the system */
    char *secret_files[WEBHOOK_SECRETS_MAX];
    size_t secret_count;
    char kinds[WEBHOOK_KINDS_MAX][TC_ID_SIZE]; /* of events */
    size_t kind_count;                         /* 0: all */
};

/* Reads [{name: siem, url: "https://…", secret_files: [FILE], kinds: [freeze, alarm], ca_file: FILE}, …]. */
extern const struct schema_key webhooks_key;

/* Fills `list` from the setting, as its reader wrote it, and returns the number of webhooks. Free each. */
size_t webhooks_read(const char *setting, struct webhook_settings list[static WEBHOOKS_MAX]);
void webhook_settings_free(struct webhook_settings *webhook);
bool webhook_settings_equal(const struct webhook_settings *a, const struct webhook_settings *b);
/* Whether this webhook gets events of a kind. */
bool webhook_wants(const struct webhook_settings *webhook, const char *kind);

#endif
