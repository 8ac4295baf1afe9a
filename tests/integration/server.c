#include "tests/integration/server.h"

#include "base/buffer.h"
#include "base/fault.h"
#include "base/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SETTINGS_MAX = 65536 };

void server_breathe(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int choose_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    TC_CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    TC_CHECK(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

static void make_folder(struct server *server)
{
    *server = (struct server){0};
    const char *parent = getenv("TMPDIR");
    (void)snprintf(server->folder, sizeof server->folder, "%.30s/tellercast-XXXXXX", parent == NULL ? "/tmp" : parent);
    TC_CHECK(mkdtemp(server->folder) != NULL);
    (void)snprintf(server->config_path, sizeof server->config_path, "%s/server.conf", server->folder);
}

static void write_config(const struct server *server, const struct buffer *text)
{
    TC_CHECK(file_replace(server->config_path, buffer_text(text), text->length, 0600, NULL) == TC_OK);
}

void server_prepare_redis(struct server *server, const char *settings)
{
    make_folder(server);
    (void)snprintf(server->socket_path, sizeof server->socket_path, "%s/redis.sock", server->folder);
    struct buffer text = {0};
    buffer_format(&text, "port 0\nunixsocket %s\ndir %s\nsave \"\"\n%s", server->socket_path, server->folder, settings);
    write_config(server, &text);
    buffer_free(&text);
}

void server_prepare_postgres(struct server *server)
{
    make_folder(server);
    (void)snprintf(server->socket_path, sizeof server->socket_path, "%s/.s.PGSQL.5432", server->folder);
    server->is_postgres = true;
}

void server_prepare_mosquitto(struct server *server, const char *settings)
{
    make_folder(server);
    server->port = choose_port();
    struct buffer text = {0};
    buffer_format(&text, "listener %d 127.0.0.1\nmax_queued_messages 0\nmax_inflight_messages 0\n%s", server->port,
                  settings);
    if (geteuid() == 0)
        buffer_put_text(&text, "user root\n");
    write_config(server, &text);
    buffer_free(&text);
}

void server_add_settings(const struct server *server, const char *settings)
{
    struct buffer text = {0};
    TC_CHECK(file_read(server->config_path, SETTINGS_MAX, &text, NULL) == TC_OK);
    buffer_put_text(&text, settings);
    write_config(server, &text);
    buffer_free(&text);
}

static bool takes_connections(const struct server *server)
{
    struct sockaddr_in tcp = loopback(server->port);
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    bool is_local = server->socket_path[0] != '\0';
    (void)snprintf(local.sun_path, sizeof local.sun_path, "%.100s", server->socket_path);
    int fd = socket(is_local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    TC_CHECK(fd >= 0);
    bool connected = (is_local ? connect(fd, (struct sockaddr *)&local, sizeof local)
                               : connect(fd, (struct sockaddr *)&tcp, sizeof tcp)) == 0;
    (void)close(fd);
    return connected;
}

static pid_t spawn(char *const *arguments, const char *log_path)
{
    pid_t pid;
    posix_spawn_file_actions_t actions;
    TC_CHECK(posix_spawn_file_actions_init(&actions) == 0);
    TC_CHECK(posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log_path, O_WRONLY | O_CREAT | O_APPEND, 0600) ==
             0);
    TC_CHECK(posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO) == 0);
    TC_CHECK(posix_spawnp(&pid, arguments[0], &actions, NULL, arguments, environ) == 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static int wait_for_end(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        TC_CHECK(errno == EINTR);
    return status;
}

void server_run_tool(char *const *arguments)
{
    TC_CHECK(wait_for_end(spawn(arguments, "/dev/null")) == 0);
}

void server_start(struct server *server)
{
    char log_path[SERVER_PATH_SIZE];
    (void)snprintf(log_path, sizeof log_path, "%s/log", server->folder);
    /* setpriv starts the server so that it ends with the test, even when the test crashes. */
    char *const redis[] = {"setpriv", "--pdeathsig", "KILL", "redis-server", server->config_path, NULL};
    char *const mosquitto[] = {"setpriv", "--pdeathsig",       "KILL", "/usr/sbin/mosquitto",
                               "-c",      server->config_path, NULL};
    char *const postgres[] = {"scripts/server", "postgres", server->folder, NULL};
    server->pid = spawn(server->is_postgres ? postgres : server->socket_path[0] != '\0' ? redis : mosquitto, log_path);

    int64_t deadline_ms = clock_monotonic_ms() + SERVER_DEADLINE_MS;
    while (!takes_connections(server)) {
        TC_CHECK(clock_monotonic_ms() < deadline_ms);
        TC_CHECK(waitpid(server->pid, NULL, WNOHANG) == 0); /* it ended at once: its log has the reason */
        server_breathe();
    }
}

void server_end(struct server *server, int signal)
{
    TC_CHECK(server->pid > 0 && kill(server->pid, signal) == 0);
    (void)wait_for_end(server->pid);
    server->pid = 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

void server_remove(struct server *server)
{
    if (server->pid > 0)
        server_end(server, SIGKILL);
    if (server->folder[0] != '\0')
        (void)nftw(server->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}
