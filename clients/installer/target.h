/* A file that tellercast-install-file manages: "{name}" in the working folder, its previous
 * version, and the digests that identify the installed version.
 *
 *   NAME                    the file in use
 *   .tellercast/NAME.previous   the one before, for a rollback
 *   .tellercast/NAME.versions   lines "SHA256 VERSION", the newest last: what has been installed here
 *
 * A version is believed only when the file's digest says so: a crash between any two steps, or a file
 * that was changed by hand, cannot make a wrong version be reported.
 *
 * Another user may be able to write to the working folder. So no symbolic link is followed there, the target is a
 * regular file and keeps its owner, and .tellercast belongs to the caller, who alone can reach what is in it. */
#ifndef TELLERCAST_CLIENTS_INSTALLER_TARGET_H
#define TELLERCAST_CLIENTS_INSTALLER_TARGET_H

#include "base/fault.h"

#include "base/id.h"

#include <stdbool.h>

#define TARGET_FOLDER ".tellercast"
#define TARGET_UNKNOWN_VERSION "unknown"
#define TARGET_DIGEST_SIZE 65

/* ".versions" is the longest suffix. */
enum { TARGET_ENTRY_SIZE = TC_ID_SIZE + sizeof ".versions" };

struct target {
    const char *name;
    int folder; /* .tellercast, open; the names below are in it */
    char previous[TARGET_ENTRY_SIZE], versions[TARGET_ENTRY_SIZE], staged[TARGET_ENTRY_SIZE], kept[TARGET_ENTRY_SIZE];
    bool keeps_setuid; /* false: a new and a previous version lose the set-user-ID and set-group-ID bits */
};

/* `name` must be valid as the name of an artifact, else TC_INVALID. Makes .tellercast, or closes one that
 * other users can read. TC_DENIED when that is not a folder of the caller that only the caller can write to. */
enum tc_error target_open(struct target *target, const char *name, struct tc_fault *fault);
void target_close(struct target *target);

/* Stages a copy of `source` in .tellercast, with the owner and the permissions of the target, fsyncs it, and renames it
 * over the target; the earlier file becomes the previous one. Changes nothing if the target already has this content.
 * Calls `progress` with percents. On a fault the target is unchanged: TC_DENIED when it is not a regular file,
 * TC_NO_SPACE and others. */
enum tc_error target_install(const struct target *target, const char *source, const char *version,
                             void (*progress)(int percent), struct tc_fault *fault);

/* Puts the previous file back, with its owner and permissions; the one in use becomes the previous one. TC_NOT_FOUND
 * when there is none. */
enum tc_error target_roll_back(const struct target *target, struct tc_fault *fault);

/* The version of the file in use: TARGET_UNKNOWN_VERSION when its digest was never installed here,
 * TC_NOT_FOUND when there is no file. */
enum tc_error target_version(const struct target *target, char *version, size_t size, struct tc_fault *fault);

#endif
