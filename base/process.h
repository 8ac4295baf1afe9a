/* This process and the kernel. */
#ifndef TELLERCAST_BASE_PROCESS_H
#define TELLERCAST_BASE_PROCESS_H

/* From now on the kernel writes no core dump of this process, and no other process of its user can read its memory: it
 * holds keys and passwords. A program that this process executes is not affected. Call it before secrets are read. */
void process_forbid_dumps(void);

#endif
