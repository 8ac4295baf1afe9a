#include "clients/agent/privileged/listener.h"

#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* One agent needs two: one for a run and one for a nonce. */
enum { CONNECTIONS_MAX = 8, BACKLOG = 8, FIRST_HANDED_OVER = 3, REQUEST_WAIT_S = 5, LOG_PERIOD_MS = 60000 };

struct listener {
    struct performer *performer;
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    int count; /* of connections; guarded by the mutex */
};

struct connection {
    struct listener *listener;
    int file;
};

static bool is_handed_over(void)
{
    const char *process = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    return process != NULL && count != NULL && strtol(process, NULL, 10) == (long)getpid() && strcmp(count, "1") == 0;
}

static enum tc_error make_socket(const char *path, int *listening, struct tc_fault *fault)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path[0] == '\0')
        return tc_fault_set(fault, TC_INVALID, "socket: empty, and systemd hands none over");
    if (strlen(path) >= sizeof address.sun_path)
        return tc_fault_set(fault, TC_INVALID, "%s: the path is too long", path);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    *listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    (void)unlink(path); /* of a process that has ended: the state folder is locked */
    mode_t before = umask(S_IXUSR | S_IXGRP | S_IRWXO);
    int bound = *listening < 0 ? -1 : bind(*listening, (const struct sockaddr *)&address, sizeof address);
    (void)umask(before);
    if (bound != 0 || listen(*listening, BACKLOG) != 0)
        return tc_fault_set(fault, error_from_errno(errno), "%s: %s", path, strerror(errno));
    return TC_OK;
}

enum tc_error listener_open(const char *path, int *listening, struct tc_fault *fault)
{
    *listening = -1;
    if (!is_handed_over())
        return make_socket(path, listening, fault);
    *listening = FIRST_HANDED_OVER;
    if (fcntl(*listening, F_SETFD, FD_CLOEXEC) != 0)
        return tc_fault_set(fault, TC_INVALID, "LISTEN_FDS: %s", strerror(errno));
    return TC_OK;
}

static void *serve(void *argument)
{
    struct connection *connection = argument;
    struct listener *listener = connection->listener;
    performer_serve(listener->performer, connection->file);
    (void)close(connection->file);
    free(connection);
    (void)pthread_mutex_lock(&listener->mutex);
    listener->count--;
    (void)pthread_cond_signal(&listener->ended);
    (void)pthread_mutex_unlock(&listener->mutex);
    return NULL;
}

static bool may_take(struct listener *listener)
{
    (void)pthread_mutex_lock(&listener->mutex);
    bool may = listener->count < CONNECTIONS_MAX;
    if (may)
        listener->count++;
    (void)pthread_mutex_unlock(&listener->mutex);
    return may;
}

static void take_connection(struct listener *listener, int listening)
{
    /* An agent that connects and says nothing must not keep its place. */
    const struct timeval longest = {.tv_sec = REQUEST_WAIT_S};
    pthread_t thread;
    struct tc_fault fault;
    int file = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    if (file < 0)
        return;
    (void)setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest);
    if (!may_take(listener)) {
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "connection.refused", F_INT("allowed", CONNECTIONS_MAX));
        (void)close(file);
        return;
    }
    struct connection *connection = malloc(sizeof *connection);
    TC_CHECK(connection != NULL);
    *connection = (struct connection){listener, file};
    enum tc_error error = thread_start(&thread, "serve", serve, connection, &fault);
    if (error == TC_OK) {
        (void)pthread_detach(thread);
        return;
    }
    LOG_ERROR("thread.not_started", F_STR("fault", fault.text));
    (void)close(file);
    free(connection);
    (void)pthread_mutex_lock(&listener->mutex);
    listener->count--;
    (void)pthread_mutex_unlock(&listener->mutex);
}

static void wait_for_end(struct listener *listener)
{
    (void)pthread_mutex_lock(&listener->mutex);
    while (listener->count > 0)
        (void)pthread_cond_wait(&listener->ended, &listener->mutex);
    (void)pthread_mutex_unlock(&listener->mutex);
}

void listener_run(int listening, int signals, struct performer *performer)
{
    struct listener listener = {
        .performer = performer, .mutex = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
    struct pollfd watched[] = {{.fd = listening, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    while ((watched[1].revents & POLLIN) == 0) {
        (void)poll(watched, 2, LOG_PERIOD_MS);
        log_left_out(false);
        if ((watched[0].revents & POLLIN) != 0)
            take_connection(&listener, listening);
    }
    performer_stop(performer);
    wait_for_end(&listener);
    (void)pthread_cond_destroy(&listener.ended);
    (void)pthread_mutex_destroy(&listener.mutex);
}
