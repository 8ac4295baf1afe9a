/* A file under the care of tellercast-install-file: "{name}" in the working folder, its previous
 * version, and the digests by which the version that is really there is known.
 *
 *   NAME                    the file in use
 *   .tellercast/NAME.previous   the one before, for a rollback
 *   .tellercast/NAME.versions   lines "SHA256 VERSION", the newest last: what has been installed here
 *
 * A version is believed only when the file's digest says so: a crash between any two steps, or a file
 * that was changed by hand, cannot make a wrong version be reported. */
#ifndef TELLERCAST_CLIENTS_INSTALLER_TARGET_H
#define TELLERCAST_CLIENTS_INSTALLER_TARGET_H

#include "base/fault.h"

#include <limits.h>

#define TARGET_FOLDER ".tellercast"
#define TARGET_UNKNOWN_VERSION "unknown"
#define TARGET_DIGEST_SIZE 65

struct target {
    const char *name;
    char previous[PATH_MAX], versions[PATH_MAX], staged[PATH_MAX], kept[PATH_MAX];
};

/* `name` is a name as of an artifact. TC_INVALID otherwise. */
enum tc_error target_open(struct target *target, const char *name, struct tc_fault *fault);

/* Stages a copy of `source` beside the target, fsyncs it, and renames it over the target; the file that was
 * there becomes the previous one. Installing what is there already changes nothing. `progress` is told
 * percents. TC_NO_SPACE and others: the target is as it was. */
enum tc_error target_install(const struct target *target, const char *source, const char *version,
                             void (*progress)(int percent), struct tc_fault *fault);

/* Puts the previous file back; the one in use becomes the previous one. TC_NOT_FOUND when there is none. */
enum tc_error target_roll_back(const struct target *target, struct tc_fault *fault);

/* The version of the file in use: TARGET_UNKNOWN_VERSION when its digest was never installed here,
 * TC_NOT_FOUND when there is no file. */
enum tc_error target_version(const struct target *target, char *version, size_t size, struct tc_fault *fault);

#endif
