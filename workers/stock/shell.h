/* shell - the action that runs `command` by sh -c, in a process group of its own.
 *
 * What it prints goes to the run's log; lines such as ::set-output version=1.2.3 on
 * stdout are its output.  Who may make automations may then run anything here: so it is
 * there only where --actions names it.
 */
#ifndef WORKERS_STOCK_SHELL_H
#define WORKERS_STOCK_SHELL_H
#include "workers/c/capstan_worker.h"

int shell_run(struct capstan_job *job, void *context);
/* Let another process kill what still runs when this one is killed; before threads. */
void shell_guard(void);
/* Kill what still runs, before the process ends without waiting for it. */
void shell_kill_all(void);
#endif
