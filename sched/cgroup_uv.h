/* The cgroup of one slot: attempts run in it one after the other.
 *
 * A group that was killed once is spent. Since Linux 6.14 a fork compares the kill count of the group it began in with
 * that of the group it ends in; with CLONE_INTO_CGROUP the first is the parent's, so whoever is cloned into a group
 * that was ever killed is killed too (seen on 6.18). So only a group that holds somebody is killed, and a spent one is
 * removed and made anew before it is used again. That it is spent is kept on the group itself, in its mode, so that a
 * later keeper knows. */
#ifndef SCHED_CGROUP_UV_H
#define SCHED_CGROUP_UV_H

/* An open directory to clone into; -1 and errno when there is none. Waits a moment for those who are just being killed
 * in it: EBUSY when they take longer. */
int cgroup_open(const char *path);
/* Kills whoever is in it. Takes "". */
void cgroup_kill(const char *path);

#endif
