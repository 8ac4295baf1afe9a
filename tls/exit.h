/* What OpenSSL keeps stays until the process is gone.
 *
 * OpenSSL frees all it has at exit(). Threads of libraries that use it, paho's among them, may still be ending then:
 * what such a thread has is lost, and what it uses is freed. */
#ifndef TELLERCAST_TLS_EXIT_H
#define TELLERCAST_TLS_EXIT_H

/* Call it at the start of main, before any library has begun to use OpenSSL. */
void tls_outlive_exit(void);

#endif
