#include "orchestrator/intake/unix_listener.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { SOCKET_MODE = 0660, FOLDER_MODE = 0755, BACKLOG = 128 };

static enum tc_error fault_from_errno(struct tc_fault *fault, const char *what, const char *path)
{
    int number = errno;
    return tc_fault_set(fault, error_from_errno(number), "%s: %s: %s", path, what, strerror(number));
}

static enum tc_error folder_fault(const char *path, enum tc_error error, const char *why, struct tc_fault *fault)
{
    return tc_fault_set(
        fault, error, "socket.path: %s: %s; create the folder, set another path, or set \"\" for no socket", path, why);
}

static enum tc_error make_folder_of(const char *path, struct tc_fault *fault)
{
    char copy[PATH_MAX];
    struct tc_fault made;
    (void)snprintf(copy, sizeof copy, "%s", path);
    enum tc_error error = file_make_folders(dirname(copy), FOLDER_MODE, &made);
    return error == TC_OK ? TC_OK : folder_fault(path, error, made.text, fault);
}

/* Locks the folder, so that two daemons that start at the same time do not remove each other's file. Returns -1 on
 * failure. */
static int lock_folder_of(const char *path)
{
    char copy[PATH_MAX];
    (void)snprintf(copy, sizeof copy, "%s", path);
    int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0 && flock(folder, LOCK_EX) != 0) {
        (void)close(folder);
        folder = -1;
    }
    return folder;
}

static bool is_listened_on(const struct sockaddr_un *address)
{
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return true;
    bool answered = connect(probe, (const struct sockaddr *)address, sizeof *address) == 0 || errno != ECONNREFUSED;
    (void)close(probe);
    return answered;
}

static enum tc_error remove_stale(const struct sockaddr_un *address, struct tc_fault *fault)
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0)
        return errno == ENOENT ? TC_OK : fault_from_errno(fault, "lstat", address->sun_path);
    if (!S_ISSOCK(status.st_mode))
        return tc_fault_set(fault, TC_CONFLICT, "%s: the file exists and is not a socket", address->sun_path);
    if (is_listened_on(address))
        return tc_fault_set(fault, TC_CONFLICT, "%s: another process listens on it", address->sun_path);
    return unlink(address->sun_path) == 0 ? TC_OK : fault_from_errno(fault, "remove", address->sun_path);
}

static enum tc_error bind_and_listen(const struct sockaddr_un *address, struct unix_listener *listener,
                                     struct tc_fault *fault)
{
    listener->handle = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct stat status;
    /* bind gives the file no more rights than the socket has, so no other user can connect before chmod. */
    if (listener->handle < 0 || fchmod(listener->handle, SOCKET_MODE) != 0 ||
        bind(listener->handle, (const struct sockaddr *)address, sizeof *address) != 0 ||
        chmod(address->sun_path, SOCKET_MODE) != 0 || lstat(address->sun_path, &status) != 0 ||
        listen(listener->handle, BACKLOG) != 0)
        return fault_from_errno(fault, "listen", address->sun_path);
    listener->device = status.st_dev;
    listener->inode = status.st_ino;
    return TC_OK;
}

enum tc_error unix_listener_check(const char *path, struct tc_fault *fault)
{
    size_t most = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
    if (strlen(path) <= most)
        return TC_OK;
    return tc_fault_set(fault, TC_INVALID, "socket.path: %s: must be at most %zu bytes, the limit of a socket address",
                        path, most);
}

enum tc_error unix_listener_open(const char *path, struct unix_listener *listener, struct tc_fault *fault)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    enum tc_error error = unix_listener_check(path, fault);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (error == TC_OK)
        error = make_folder_of(path, fault);
    if (error != TC_OK)
        return error;
    int lock = lock_folder_of(path);
    if (lock < 0)
        return folder_fault(path, error_from_errno(errno), strerror(errno), fault);
    *listener = (struct unix_listener){.path = strdup(path), .handle = -1};
    TC_CHECK(listener->path != NULL);
    error = remove_stale(&address, fault);
    if (error == TC_OK)
        error = bind_and_listen(&address, listener, fault);
    (void)close(lock);
    if (error != TC_OK)
        unix_listener_close(listener);
    return error;
}

void unix_listener_close(struct unix_listener *listener)
{
    struct stat status;
    if (listener->inode != 0 && lstat(listener->path, &status) == 0 && status.st_dev == listener->device &&
        status.st_ino == listener->inode)
        (void)unlink(listener->path);
    if (listener->handle >= 0)
        (void)close(listener->handle);
    free(listener->path);
    *listener = (struct unix_listener){.handle = -1};
}
