#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/must.h"

static int asked;

static int once(void)
{
	asked++;
	return 1;
}

static void what_does_not_hold_ends_the_program_and_says_where(void **state)
{
	int pipe_fd[2];
	char said[256] = "";
	int status;

	(void)state;
	assert_int_equal(pipe(pipe_fd), 0);
	pid_t child = fork();
	if (child == 0) {
		dup2(pipe_fd[1], STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		must(1 + 1 == 3);
		_exit(0);
	}
	close(pipe_fd[1]);
	assert_true(child > 0);
	ssize_t len = read(pipe_fd[0], said, sizeof(said) - 1);
	close(pipe_fd[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_true(len > 0);
	said[len] = '\0';
	assert_non_null(strstr(said, "test_must.c"));
	assert_non_null(strstr(said, "1 + 1 == 3"));
}

static void a_fact_is_asked_once(void **state)
{
	(void)state;
	asked = 0;
	must(once());
	assert_int_equal(asked, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_hold_ends_the_program_and_says_where),
		cmocka_unit_test(a_fact_is_asked_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
