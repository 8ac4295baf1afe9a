/* The client ID of an orchestrator. Private to the broker. */
#ifndef TELLERCAST_ORCHESTRATOR_BROKER_CLIENT_NAME_H
#define TELLERCAST_ORCHESTRATOR_BROKER_CLIENT_NAME_H

#define CLIENT_NAME_SIZE 160

/* With a certificate of an identity: its ID, '/' and `digits`; the broker's guard takes no other client ID. Without
 * one, or with another form of certificate: `otherwise`. `digits` NULL: random ones, which nobody can guess and take
 * the connection over. */
void client_name_make(const char *certificate_file, const char *digits, const char *otherwise,
                      char name[static CLIENT_NAME_SIZE]);

#endif
