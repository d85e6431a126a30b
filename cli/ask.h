/* A question before something is lost. */
#ifndef CLI_ASK_H
#define CLI_ASK_H

/* `what` is a whole sentence. 0 when a person at a terminal says yes; else the exit code, its sentence said: without a
 * terminal nobody can be asked, and --yes is wanted. */
int ask_first(const char *what);

#endif
