/* The keeper as a process, with real children in a directory of its own. Nothing sleeps: every wait is for a word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/must.h"
#include "sched/keeper_socket_uv.h"
#include "sched/keeper_uv.h"
#include "sched/keeper_wire.h"

#define WAIT_MS 8000

struct world {
	char root[64];
	pid_t keeper;
	int fd;
	struct buffer in;
	struct keeper_said heard;
};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void say(struct world *w, const struct keeper_said *said)
{
	struct buffer body, frame;

	buffer_init(&body, KEEPER_FRAME_MAX);
	buffer_init(&frame, KEEPER_FRAME_MAX + 4);
	assert_int_equal(keeper_put(said, &body), OK);
	assert_int_equal(keeper_frame(buffer_bytes(&body), &frame), OK);
	/* a keeper that dies right now is seen by the next hear() */
	ssize_t sent = send(w->fd, frame.at, frame.len, MSG_NOSIGNAL);
	assert_true(sent == (ssize_t)frame.len || sent < 0);
	buffer_fini(&body);
	buffer_fini(&frame);
}

/* The next word; false when the keeper hung up. */
static bool hear(struct world *w)
{
	struct bytes body;
	size_t used;

	while (keeper_unframe(buffer_bytes(&w->in), &body, &used) == ERR_SHORT) {
		struct pollfd p = {.fd = w->fd, .events = POLLIN};
		uint8_t *to = buffer_room(&w->in, 4096);

		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		ssize_t got = recv(w->fd, to, 4096, 0);
		if (got <= 0)
			return false;
		w->in.len += (size_t)got;
	}
	assert_int_equal(keeper_get(body, &w->heard), OK);
	buffer_skip(&w->in, used);
	return true;
}

static void hear_until(struct world *w, enum keeper_word word)
{
	do
		assert_true(hear(w));
	while (w->heard.word != word);
}

#define NODE "00000000-0000-8000-8000-0000000000aa"

static void connect_agent(struct world *w)
{
	buffer_clear(&w->in);
	w->fd = keeper_connect(w->root, NULL, NODE, "");
	assert_true(w->fd >= 0);
	say(w, &(struct keeper_said){.word = KEEPER_LIST});
}

/* A keeper that is dying still takes a call: then another one is made. */
static void list_agent(struct world *w)
{
	bool whole = false;

	for (uint32_t i = 0; i < 50 && !whole; i++) {
		connect_agent(w);
		while (!whole && hear(w))
			whole = w->heard.word == KEEPER_WHOLE;
		if (!whole)
			close(w->fd);
	}
	assert_true(whole);
	w->keeper = w->heard.whole.pid;
}

static struct attempt attempt_of(uint8_t job)
{
	return (struct attempt){.job = {{job}}, .step = 0, .number = 1};
}

static struct bytes texts(struct buffer *b, const char *const *list)
{
	struct pack p;
	uint32_t count = 0;

	while (list[count] != NULL)
		count++;
	buffer_init(b, JOB_TEXT_MAX);
	pack_init(&p, b);
	pack_array(&p, count);
	for (uint32_t i = 0; i < count; i++)
		pack_str(&p, list[i]);
	must(pack_err(&p) == OK);
	return buffer_bytes(b);
}

static void spawn_with(struct world *w, uint8_t job, const char *const *words, uint64_t max_output,
		       enum on_lost on_lost)
{
	struct buffer argv, env;
	char name[4][128], id[32];

	snprintf(id, sizeof(id), "WITAN_JOB=%u", job);
	for (uint32_t i = 0; i < 4; i++)
		snprintf(name[i], sizeof(name[i]), "%s/%s%u", w->root,
			 (const char *[]){"work", "out", "err", "note"}[i], job);
	const char *const pairs[] = {"PATH=/usr/bin:/bin",
				     "WITAN_NODE=" NODE,
				     "WITAN_STEP=0",
				     "WITAN_ATTEMPT=1",
				     id,
				     NULL};
	say(w, &(struct keeper_said){.word = KEEPER_SPAWN,
				     .attempt = attempt_of(job),
				     .spawn = {.on_lost = on_lost,
					       .kill_after_ms = 10000,
					       .max_output = max_output,
					       .argv = texts(&argv, words),
					       .env = texts(&env, pairs),
					       .directory = name[0],
					       .user = "",
					       .out = name[1],
					       .err = name[2],
					       .fresh = true}});
	buffer_fini(&argv);
	buffer_fini(&env);
}

static void spawn_shell(struct world *w, uint8_t job, const char *script)
{
	spawn_with(w, job, (const char *const[]){"sh", "-c", script, NULL}, 0, ON_LOST_HOLD);
}

static void kill_job(struct world *w, uint8_t job, bool force)
{
	say(w, &(struct keeper_said){.word = KEEPER_KILL,
				     .attempt = attempt_of(job),
				     .kill = {.force = force, .why = "cancelled"}});
}

static void ack(struct world *w, uint8_t job)
{
	say(w, &(struct keeper_said){.word = KEEPER_ACK, .attempt = attempt_of(job)});
}

static char *file_text(struct world *w, const char *name, char out[4096])
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", w->root, name);
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	ssize_t len = read(fd, out, 4095);
	close(fd);
	out[len < 0 ? 0 : len] = '\0';
	return out;
}

/* A job says through this that it stands: opening for reading returns when it has opened for writing, and the end of
 * the file comes when its last process is gone. */
static int make_pipe(struct world *w, const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", w->root, name);
	assert_int_equal(mkfifo(path, 0600), 0);
	return open(path, O_RDONLY | O_NONBLOCK);
}

static void pipe_says(int fd, short what)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	do
		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	while (!(p.revents & what) && p.revents != 0);
	assert_true(p.revents & what);
}

static void pipe_ends(int fd)
{
	char some[64];
	struct pollfd p = {.fd = fd, .events = POLLIN};

	for (;;) {
		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		if (read(fd, some, sizeof(some)) == 0)
			return;
	}
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	must(w != NULL);
	snprintf(w->root, sizeof(w->root), "/tmp/witan-keeper-XXXXXX");
	must(mkdtemp(w->root) != NULL);
	buffer_init(&w->in, KEEPER_FRAME_MAX);
	list_agent(w);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char command[128];

	kill(w->keeper, SIGTERM);
	say(w, &(struct keeper_said){.word = KEEPER_LIST}); /* every end once more, to be taken */
	while (w->fd >= 0 && hear(w))
		if (w->heard.word == KEEPER_EXITED)
			say(w,
			    &(struct keeper_said){.word = KEEPER_ACK, .attempt = w->heard.attempt});
	close(w->fd);
	waitpid(w->keeper, NULL, 0); /* ours: we are the subreaper */
	snprintf(command, sizeof(command), "rm -rf %s", w->root);
	must(system(command) == 0);
	buffer_fini(&w->in);
	free(w);
	return 0;
}

/* A keeper of our own making, so that it gets the cgroup that `group` names. */
static void start_keeper_in(struct world *w, const char *group)
{
	char path[128], socket_flag[160], group_flag[160];
	char *argv[] = {(char *)"test", (char *)"keeper",     socket_flag,
			group_flag,     (char *)"--listen=3", NULL};
	int status;

	snprintf(path, sizeof(path), "%s/%s", w->root, KEEPER_SOCKET);
	snprintf(socket_flag, sizeof(socket_flag), "--socket=%s", path);
	snprintf(group_flag, sizeof(group_flag), "--cgroup=%s", group);
	int fd = keeper_listen(path);
	assert_true(fd >= 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (fd != 3)
			dup2(fd, 3);
		fcntl(3, F_SETFD, 0);
		execv("/proc/self/exe", argv);
		_exit(1);
	}
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void what_hides_even_its_environment_is_found_by_its_cgroup(void **state)
{
	struct world *w = *state;
	char group[128], slot[160], path[128], script[512];
	struct pollfd gone = {.fd = (int)syscall(SYS_pidfd_open, w->keeper, 0), .events = POLLIN};

	snprintf(group, sizeof(group), "/sys/fs/cgroup/unified/witan-test-%d", (int)getpid());
	if (mkdir(group, 0755) < 0) {
		snprintf(group, sizeof(group), "/sys/fs/cgroup/witan-test-%d", (int)getpid());
		if (mkdir(group, 0755) < 0)
			skip(); /* no cgroup v2 that we may use */
	}
	close(w->fd); /* the usual one goes: it holds nothing */
	assert_int_equal(poll(&gone, 1, WAIT_MS), 1);
	waitpid(w->keeper, NULL, 0);
	start_keeper_in(w, group);
	list_agent(w);

	int fd = make_pipe(w, "alive", path);
	snprintf(script, sizeof(script), "exec 9>%s; env -i setsid sleep 1000 & echo x >&9; exit 0",
		 path);
	spawn_shell(w, 1, "sleep 1000"); /* while this runs no nameless process is swept */
	hear_until(w, KEEPER_SPAWNED);
	spawn_shell(w, 2, script);
	hear_until(w, KEEPER_EXITED);
	pipe_ends(fd);
	kill_job(w, 1, true);
	hear_until(w, KEEPER_EXITED);
	for (uint32_t i = 0; i < 2; i++) { /* killed, but its group may not be empty yet */
		snprintf(slot, sizeof(slot), "%s/slot-%u", group, i);
		for (uint32_t n = 0; n < 100000 && rmdir(slot) < 0 && errno == EBUSY; n++)
			;
	}
	assert_int_equal(rmdir(group), 0);
	close(gone.fd);
	close(fd);
}

static void a_program_that_is_not_there_ends_with_127_and_says_so(void **state)
{
	struct world *w = *state;
	char text[4096];

	spawn_with(w, 1, (const char *const[]){"no-such-program", NULL}, 0, ON_LOST_HOLD);
	hear_until(w, KEEPER_EXITED);
	assert_int_equal(w->heard.exited.code, 127);
	assert_string_equal(w->heard.exited.why,
			    "could not be executed: No such file or directory");
	assert_string_equal(file_text(w, "err1", text),
			    "witan: no-such-program: No such file or directory\n");
}

static void a_file_that_may_not_be_executed_ends_with_126(void **state)
{
	struct world *w = *state;

	spawn_with(w, 1, (const char *const[]){"/etc/passwd", NULL}, 0, ON_LOST_HOLD);
	hear_until(w, KEEPER_EXITED);
	assert_int_equal(w->heard.exited.code, 126);
}

static void without_a_lease_nothing_that_may_restart_is_started(void **state)
{
	struct world *w = *state;

	spawn_with(w, 1, (const char *const[]){"true", NULL}, 0, ON_LOST_RESTART);
	assert_true(hear(w));
	assert_int_equal(w->heard.word, KEEPER_REFUSED);
}

static void a_child_gets_its_words_and_environment_and_nothing_of_ours(void **state)
{
	struct world *w = *state;
	char text[4096];

	setenv("WITAN_SECRET", "x", 1);
	spawn_shell(w, 1, "env | sort | grep -v ^_= | grep -v ^PWD=");
	hear_until(w, KEEPER_EXITED);
	assert_int_equal(w->heard.exited.code, 0);
	assert_string_equal(file_text(w, "out1", text),
			    "PATH=/usr/bin:/bin\nWITAN_ATTEMPT=1\nWITAN_JOB=1\nWITAN_NODE=" NODE
			    "\nWITAN_STEP=0\n");
	assert_int_equal(w->heard.exited.out_size, strlen(text));
}

static void a_child_has_three_descriptors_and_no_more(void **state)
{
	struct world *w = *state;
	char text[4096];

	spawn_with(w, 1, (const char *const[]){"ls", "/proc/self/fd", NULL}, 0, ON_LOST_HOLD);
	hear_until(w, KEEPER_EXITED);
	/* the last is the directory that is being listed */
	assert_string_equal(file_text(w, "out1", text), "0\n1\n2\n3\n");
}

static void output_goes_to_two_files_and_the_code_comes_back(void **state)
{
	struct world *w = *state;
	char text[4096];

	spawn_shell(w, 1, "echo good; echo bad >&2; exit 7");
	hear_until(w, KEEPER_EXITED);
	assert_int_equal(w->heard.exited.code, 7);
	assert_int_equal(w->heard.exited.signal, 0);
	assert_int_equal(w->heard.exited.err_size, 4);
	assert_string_equal(file_text(w, "out1", text), "good\n");
	assert_string_equal(file_text(w, "err1", text), "bad\n");
}

static void a_killed_job_takes_its_whole_tree_with_it(void **state)
{
	struct world *w = *state;
	char path[128], script[512];
	int fd = make_pipe(w, "alive", path);

	snprintf(script, sizeof(script),
		 "exec 9>%s; trap '' TERM; setsid sh -c \"trap '' TERM; echo x >&9; sleep 1000\" & "
		 "sleep 1000; wait",
		 path);
	spawn_shell(w, 1, script);
	hear_until(w, KEEPER_SPAWNED);
	pipe_says(fd, POLLIN);
	kill_job(w, 1, true);
	hear_until(w, KEEPER_EXITED);
	assert_int_equal(w->heard.exited.code, 128 + SIGKILL);
	assert_string_equal(w->heard.exited.why, "cancelled");
	pipe_ends(fd);
	close(fd);
}

static void what_a_job_leaves_in_the_background_ends_with_it(void **state)
{
	struct world *w = *state;
	char path[128], script[512];
	int fd = make_pipe(w, "alive", path);

	snprintf(script, sizeof(script), "exec 9>%s; setsid sleep 1000 & echo x >&9; exit 0", path);
	spawn_shell(w, 1, script);
	hear_until(w, KEEPER_EXITED);
	assert_int_equal(w->heard.exited.code, 0);
	pipe_ends(fd);
	close(fd);
}

static void the_next_agent_finds_what_runs_and_what_ended(void **state)
{
	struct world *w = *state;
	char path[128], script[256];
	int fd = make_pipe(w, "alive", path);
	bool holds = false, ended = false;
	pid_t keeper = w->keeper;

	snprintf(script, sizeof(script), "echo x >%s; exec sleep 1000", path);
	spawn_shell(w, 1, script);
	spawn_shell(w, 2, "exit 5");
	hear_until(w, KEEPER_EXITED);
	close(w->fd);
	connect_agent(w);
	do {
		assert_true(hear(w));
		holds |= w->heard.word == KEEPER_HOLDS && w->heard.attempt.job.b[0] == 1;
		ended |= w->heard.word == KEEPER_EXITED && w->heard.attempt.job.b[0] == 2 &&
			 w->heard.exited.code == 5;
	} while (w->heard.word != KEEPER_WHOLE);
	assert_true(holds);
	assert_true(ended);
	assert_int_equal(w->heard.whole.pid, keeper);
	ack(w, 2);
	kill_job(w, 1, true);
	hear_until(w, KEEPER_EXITED);
	close(fd);
}

static void the_newest_agent_is_the_one_that_is_heard(void **state)
{
	struct world *w = *state;
	int older = w->fd;
	char byte;

	list_agent(w);
	struct pollfd p = {.fd = older, .events = POLLIN};
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(recv(older, &byte, 1, 0), 0);
	close(older);
	spawn_shell(w, 1, "exit 0");
	hear_until(w, KEEPER_EXITED);
}

static void when_the_keeper_dies_its_children_do_and_the_next_one_knows_nothing(void **state)
{
	struct world *w = *state;
	char path[128], script[256];
	int fd = make_pipe(w, "alive", path);
	pid_t before = w->keeper;

	snprintf(script, sizeof(script),
		 "exec 9>%s; setsid sleep 1000 & echo x >&9; exec sleep 1000", path);
	spawn_shell(w, 1, script);
	hear_until(w, KEEPER_SPAWNED);
	pipe_says(fd, POLLIN);
	kill(w->keeper, SIGKILL);
	while (hear(w))
		;
	close(w->fd);
	list_agent(w);
	assert_int_equal(w->heard.whole.count, 0);
	assert_int_not_equal(w->keeper, before);
	pipe_ends(fd); /* the grandchild, too: the new keeper looked for it */
	close(fd);
}

static void an_idle_keeper_ends_with_its_agent(void **state)
{
	struct world *w = *state;
	pid_t before = w->keeper;
	int fd = (int)syscall(SYS_pidfd_open, before, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	assert_true(fd >= 0);
	close(w->fd);
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	close(fd);
	list_agent(w);
	assert_int_not_equal(w->keeper, before);
}

static void the_middle_of_too_much_output_is_cut_and_marked(void **state)
{
	struct world *w = *state;
	static char text[65536];
	char path[128];

	spawn_with(w, 1,
		   (const char *const[]){"sh", "-c",
					 "head -c 300000 /dev/zero | tr '\\0' a; echo end", NULL},
		   40960, ON_LOST_HOLD);
	hear_until(w, KEEPER_EXITED);
	assert_int_equal(w->heard.exited.out_size, 300004);
	snprintf(path, sizeof(path), "%s/out1", w->root);
	int fd = open(path, O_RDONLY);
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_blocks * 512 <= 40960 + 3 * 4096);
	assert_int_equal(pread(fd, text, sizeof(text), 0), sizeof(text));
	assert_non_null(memmem(text, 20480, "the middle of this output was cut out", 37));
	assert_int_equal(text[0], 'a');
	assert_int_equal(text[30000], 0);
	assert_int_equal(pread(fd, text, 4, 300000), 4);
	assert_memory_equal(text, "end\n", 4);
	close(fd);
}

static void a_lease_that_ends_kills_without_any_agent(void **state)
{
	struct world *w = *state;
	char path[128], script[256];
	int fd = make_pipe(w, "alive", path);

	snprintf(script, sizeof(script),
		 "exec 9>%s; trap '' TERM; echo x >&9; while :; do sleep 1000; done", path);
	say(w, &(struct keeper_said){.word = KEEPER_LEASE,
				     .lease = {.ends_us = now_us() + 300000, .lease_ms = 200}});
	spawn_with(w, 1, (const char *const[]){"sh", "-c", script, NULL}, 0, ON_LOST_RESTART);
	hear_until(w, KEEPER_SPAWNED);
	close(w->fd);
	pipe_says(fd, POLLIN);
	pipe_ends(fd);
	connect_agent(w);
	hear_until(w, KEEPER_EXITED);
	assert_int_equal(w->heard.exited.code, 128 + SIGKILL);
	assert_string_equal(w->heard.exited.why, "lease");
	close(fd);
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void figure(struct world *w)
{
	enum { TIMES = 500 };
	static uint64_t took[TIMES];

	for (uint32_t i = 0; i < TIMES; i++) {
		uint64_t began = now_us();

		spawn_with(w, 1, (const char *const[]){"/bin/true", NULL}, 1u << 26, ON_LOST_HOLD);
		hear_until(w, KEEPER_EXITED);
		took[i] = now_us() - began;
		ack(w, 1);
	}
	qsort(took, TIMES, sizeof(took[0]), by_size);
	printf("figure keeper.true.p50 %llu us\nfigure keeper.true.p99 %llu us\n",
	       (unsigned long long)took[TIMES / 2], (unsigned long long)took[TIMES * 99 / 100]);
}

static void five_hundred_children_come_and_go(void **state)
{
	figure(*state);
}

#define WITH_KEEPER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* Called as `keeper …` by keeper_connect(), this program is the keeper. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WITH_KEEPER(a_program_that_is_not_there_ends_with_127_and_says_so),
		WITH_KEEPER(a_file_that_may_not_be_executed_ends_with_126),
		WITH_KEEPER(without_a_lease_nothing_that_may_restart_is_started),
		WITH_KEEPER(a_child_gets_its_words_and_environment_and_nothing_of_ours),
		WITH_KEEPER(a_child_has_three_descriptors_and_no_more),
		WITH_KEEPER(output_goes_to_two_files_and_the_code_comes_back),
		WITH_KEEPER(a_killed_job_takes_its_whole_tree_with_it),
		WITH_KEEPER(what_a_job_leaves_in_the_background_ends_with_it),
		WITH_KEEPER(the_next_agent_finds_what_runs_and_what_ended),
		WITH_KEEPER(the_newest_agent_is_the_one_that_is_heard),
		WITH_KEEPER(when_the_keeper_dies_its_children_do_and_the_next_one_knows_nothing),
		WITH_KEEPER(an_idle_keeper_ends_with_its_agent),
		WITH_KEEPER(the_middle_of_too_much_output_is_cut_and_marked),
		WITH_KEEPER(a_lease_that_ends_kills_without_any_agent),
		WITH_KEEPER(what_hides_even_its_environment_is_found_by_its_cgroup),
		WITH_KEEPER(five_hundred_children_come_and_go),
	};

	if (argc > 1 && strcmp(argv[1], "keeper") == 0)
		return keeper_main(argc - 1, argv + 1);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
