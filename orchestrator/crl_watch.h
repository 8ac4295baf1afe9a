/* Watches the file of revocation lists that the broker uses, and shows as a metric when the first of them expires: from
 * then on mosquitto lets nobody in. One thread. */
#ifndef TELLERCAST_ORCHESTRATOR_CRL_WATCH_H
#define TELLERCAST_ORCHESTRATOR_CRL_WATCH_H

struct crl_watch;

/* `path` must stay; "": there is none to watch. Reads it at once. */
struct crl_watch *crl_watch_open(const char *path);
void crl_watch_close(struct crl_watch *watch);

/* Reads the file if it was replaced; cheap when it was not. Logs `crl.not_read` once when it cannot be read. */
void crl_watch_look(struct crl_watch *watch);

#endif
