#include "orchestrator/administration.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "orchestrator/daemon_setup.h"
#include "orchestrator/people/token_text.h"
#include "orchestrator/people/tokens_file.h"
#include "orchestrator/rollout/words.h"
#include "orchestrator/store/acts.h"
#include "orchestrator/store/tokens.h"
#include "orchestrator/wording/refusal_words.h"

#include <errno.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Within a second each orchestrator knows a new token (docs/limits.md). */
enum { AGAIN_MS = 100, KNOWN_MS = 1000 };

/* Who acts on the orchestrator's machine, for the record of acts. */
static const char endpoint[] = "machine";
static const struct subject machine = {.kind = SUBJECT_UNKNOWN, .credential = "the daemon's user"};

/* The daemon's data folder is the daemon's user's. */
static enum tc_error check_user(const char *folder, struct tc_fault *fault)
{
    struct stat status;
    if (stat(folder, &status) != 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "data_folder: %s: %s; start tellercastd first", folder,
                            strerror(errno));
    if (status.st_uid == geteuid())
        return TC_OK;
    char texts[4096];
    struct passwd entry, *owner = NULL;
    (void)getpwuid_r(status.st_uid, &entry, texts, sizeof texts, &owner);
    return tc_fault_set(
        fault, TC_DENIED,
        "data_folder: %s belongs to user %s, and this is user %d: run this command as the daemon's user", folder,
        owner == NULL ? "unknown" : owner->pw_name, (int)geteuid());
}

static enum tc_error make_admin(struct store *store, const char *name, struct tc_fault *fault)
{
    char text[TOKEN_TEXT_SIZE], id[TOKEN_ID_SIZE], digest[TOKEN_DIGEST_SIZE], expires_at[32] = "";
    struct refusal refusal;
    struct act act = act_begin(&machine, ACCESS_MANAGE_PEOPLE, endpoint, "");
    act_set_verb(&act, "create_admin");
    token_text_make(text, id, digest);
    acts_set(store, &act);
    const struct new_token token = {
        .id = id, .digest = digest, .person = name, .actor = ACTOR_TELLERCAST, .valid_s = TOKEN_VALID_S};
    enum tc_error error = people_make_admin(store, &token, expires_at, &refusal, fault);
    if (error == TC_OK) {
        LOG_WARNING("admin.created", F_STR("person", name), F_STR("token", id), F_STR("expires_at", expires_at));
        clock_sleep_ms(KNOWN_MS); /* so that the token works when it is shown */
        (void)printf("%s\n", text);
    } else {
        refusal_put_words(&refusal, fault);
    }
    sodium_memzero(text, sizeof text);
    return error;
}

enum tc_error administration_make_admin(const struct daemon_settings *settings, const char *name,
                                        struct tc_fault *fault)
{
    struct store *store;
    TC_CHECK(sodium_init() >= 0);
    if (!name_is_valid(name, strlen(name)))
        return tc_fault_set(fault, TC_INVALID, "the name of a person must be 1 to 64 of A-Z a-z 0-9 _ - . : +");
    enum tc_error error = check_user(settings->data_folder, fault);
    if (error == TC_OK)
        error = store_open(settings->database, "tellercastd admin", &store, fault);
    if (error != TC_OK)
        return error;
    error = make_admin(store, name, fault);
    store_close(store);
    return error;
}

enum tc_error administration_import_tokens(const struct daemon_settings *settings, const char *orchestrator,
                                           struct store_guard *guard, struct tc_fault *fault)
{
    struct store *store;
    if (settings->http_tokens_file[0] == '\0')
        return TC_OK;
    enum tc_error error = store_open(settings->database, "tellercastd tokens", &store, fault);
    if (error != TC_OK)
        return error;
    store_use_guard(store, guard);
    struct act act = act_begin(&machine, ACCESS_MANAGE_PEOPLE, endpoint, "");
    act_set_verb(&act, "import_tokens");
    act_set_object(&act, "orchestrator", orchestrator);
    acts_set(store, &act);
    while (error = tokens_file_import(settings->http_tokens_file, orchestrator, store, fault),
           tc_error_is_transient(error)) {
        if (daemon_setup_is_asked_to_stop()) {
            error = tc_fault_set(fault, TC_TIMEOUT, "asked to stop while waiting for the database");
            break;
        }
        clock_sleep_ms(AGAIN_MS);
    }
    store_close(store);
    return error;
}
