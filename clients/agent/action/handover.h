/* What an agent and its privileged half say to each other: one JSON message a packet of a Unix socket
 * (SOCK_SEQPACKET), and one request a connection.
 *
 *   nonce      a nonce for an ask; answered by `nonce`
 *   run        a signed instruction to carry out, with the artifact's file as a descriptor
 *   versions   read the installed versions
 *   keys       learn signing keys from a key set; answered by one `result`
 *   stop       on the connection of a run: end it soon
 *
 * A run and a reading of versions are answered by any number of `progress` and `version`, and by one `result`. Before
 * the result of a run come pieces of its log, as `log`, if the agent asked for them. Any thread; a connection belongs
 * to one thread. */
#ifndef TELLERCAST_CLIENTS_AGENT_ACTION_HANDOVER_H
#define TELLERCAST_CLIENTS_AGENT_ACTION_HANDOVER_H

#include "base/fault.h"
#include "clients/agent/action/install.h"
#include "topics/token.h"

/* Two tokens, and the fields around them. */
#define HANDOVER_SIZE_MAX (2 * TOKEN_SIZE_MAX + 4096)
#define HANDOVER_TEXT_SIZE 1024

enum handover_kind { HANDOVER_NONCE, HANDOVER_RUN, HANDOVER_VERSIONS, HANDOVER_STOP, HANDOVER_KEYS };

struct handover_request {
    enum handover_kind kind;
    char *token;  /* of a run: the signed instruction; of keys: the key set; else NULL */
    char *proof;  /* of a run: a signed answer with a nonce of the privileged half; NULL: the token has one itself */
    int artifact; /* of a run: the artifact's file, open for reading; -1: none */
    bool wants_log;
};

enum handover_answer_kind { HANDOVER_GIVES_NONCE, HANDOVER_PROGRESS, HANDOVER_VERSION, HANDOVER_RESULT, HANDOVER_LOG };

struct handover_answer {
    enum handover_answer_kind kind;
    int percent;                   /* of a progress */
    char text[HANDOVER_TEXT_SIZE]; /* of a progress; the version; a piece of the log */
    char name[TC_ID_SIZE];         /* of a version; the nonce */
    struct install_result result;
};

/* Waits at most a second for the connection. TC_UNAVAILABLE, TC_NOT_FOUND, TC_DENIED. */
enum tc_error handover_connect(const char *path, int *connection, struct tc_fault *fault);

enum tc_error handover_send_request(int connection, const struct handover_request *request, struct tc_fault *fault);
/* TC_INVALID, quoting nothing; TC_UNAVAILABLE when the other side has ended. With TC_OK, free the request. */
enum tc_error handover_receive_request(int connection, struct handover_request *request, struct tc_fault *fault);
/* The same, of the bytes of a packet. Keeps the artifact of `request`. */
enum tc_error handover_decode_request(const void *bytes, size_t length, struct handover_request *request,
                                      struct tc_fault *fault);
void handover_request_free(struct handover_request *request);

/* Answers are for an agent that may have ended: no fault. Waits while the agent is slow, at most `wait_ms`. Returns
 * whether it was sent. */
bool handover_send_answer(int connection, const struct handover_answer *answer, int wait_ms);
/* Sends a log as pieces of whole characters; bytes that are no UTF-8 become '?'. Waits at most `wait_ms` for all of
 * them, and sends none after one that could not be sent. */
void handover_send_log(int connection, const char *text, size_t length, int wait_ms);
/* TC_TIMEOUT after `wait_ms` without a message. */
enum tc_error handover_receive_answer(int connection, struct handover_answer *answer, int wait_ms,
                                      struct tc_fault *fault);

#endif
