#include "orchestrator/crl_watch.h"

#include "base/fault.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "pki/crl.h"

#include <stdlib.h>
#include <sys/stat.h>

/* What the metric shows of a file that cannot be read: so the alert comes. */
enum { EXPIRY_UNKNOWN_S = 1, MS_PER_SECOND = 1000 };

struct crl_watch {
    const char *path;
    struct stat seen;
    bool has_looked, is_unreadable;
};

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* A file that is missing has a stamp of zeros. */
void crl_watch_look(struct crl_watch *watch)
{
    struct stat found = {0};
    if (watch->path[0] == '\0')
        return;
    if (stat(watch->path, &found) != 0)
        found = (struct stat){0};
    if (watch->has_looked && is_same(&found, &watch->seen))
        return;
    watch->seen = found;
    watch->has_looked = true;
    int64_t expiry_ms;
    struct tc_fault fault;
    bool is_read = pki_crl_first_expiry(watch->path, &expiry_ms, &fault) == TC_OK;
    if (!is_read && !watch->is_unreadable)
        LOG_ERROR("crl.not_read", F_STR("reason", fault.text));
    watch->is_unreadable = !is_read;
    metric_set(METRIC_CRL_EXPIRY, is_read ? expiry_ms / MS_PER_SECOND : EXPIRY_UNKNOWN_S);
}

struct crl_watch *crl_watch_open(const char *path)
{
    struct crl_watch *watch = calloc(1, sizeof *watch);
    TC_CHECK(watch != NULL);
    watch->path = path;
    crl_watch_look(watch);
    return watch;
}

void crl_watch_close(struct crl_watch *watch)
{
    free(watch);
}
