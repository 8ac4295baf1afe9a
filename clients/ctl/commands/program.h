/* The program tellercast as a function. */
#ifndef TELLERCAST_CTL_PROGRAM_H
#define TELLERCAST_CTL_PROGRAM_H

/* Runs the command that the words name and returns the exit code. Call it once, on the main thread. */
int program_run(int count, char *const *words);

#endif
