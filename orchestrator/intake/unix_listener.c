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

enum { SOCKET_MODE = 0660, BACKLOG = 128 };

static enum tc_error fault_from_errno(struct tc_fault *fault, const char *what, const char *path)
{
    int number = errno;
    return tc_fault_set(fault, error_from_errno(number), "%s: %s: %s", path, what, strerror(number));
}

/* Two daemons that start at once must not remove each other's file: a lock on the folder makes one wait. -1 when
 * it cannot be had. */
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

static bool somebody_listens(const struct sockaddr_un *address)
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
        return errno == ENOENT ? TC_OK : fault_from_errno(fault, "look", address->sun_path);
    if (!S_ISSOCK(status.st_mode))
        return tc_fault_set(fault, TC_CONFLICT, "%s: there is a file that is no socket", address->sun_path);
    if (somebody_listens(address))
        return tc_fault_set(fault, TC_CONFLICT, "%s: another process listens there", address->sun_path);
    return unlink(address->sun_path) == 0 ? TC_OK : fault_from_errno(fault, "remove", address->sun_path);
}

static enum tc_error bind_and_listen(const struct sockaddr_un *address, struct unix_listener *listener,
                                     struct tc_fault *fault)
{
    listener->handle = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct stat status;
    /* The mode of the socket bounds that of the file it makes: so nobody else gets in before chmod. */
    if (listener->handle < 0 || fchmod(listener->handle, SOCKET_MODE) != 0 ||
        bind(listener->handle, (const struct sockaddr *)address, sizeof *address) != 0 ||
        chmod(address->sun_path, SOCKET_MODE) != 0 || lstat(address->sun_path, &status) != 0 ||
        listen(listener->handle, BACKLOG) != 0)
        return fault_from_errno(fault, "listen", address->sun_path);
    listener->device = status.st_dev;
    listener->inode = status.st_ino;
    return TC_OK;
}

enum tc_error unix_listener_open(const char *path, struct unix_listener *listener, struct tc_fault *fault)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (length <= 0 || (size_t)length >= sizeof address.sun_path)
        return tc_fault_set(fault, TC_INVALID, "socket.path: %s: longer than the %zu bytes of a socket's address", path,
                            sizeof address.sun_path - 1);
    int lock = lock_folder_of(path);
    if (lock < 0)
        return fault_from_errno(fault, "open the folder", path);
    *listener = (struct unix_listener){.path = strdup(path), .handle = -1};
    TC_CHECK(listener->path != NULL);
    enum tc_error error = remove_stale(&address, fault);
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
