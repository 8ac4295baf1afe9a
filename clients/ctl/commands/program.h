/* The program tellercast as a function. */
#ifndef TELLERCAST_CTL_PROGRAM_H
#define TELLERCAST_CTL_PROGRAM_H

/* Runs the command that the words name and returns the exit code. Once in a process, on its main thread. */
int program_run(int count, char *const *words);

#endif
