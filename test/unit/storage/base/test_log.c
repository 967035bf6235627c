#include "storage/base/log.h"
#include "storage/base/metrics.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* stderr is one end of a pipe or socket pair; what arrives at the other end is read here. */
static int reader;

static void redirect(int fds[2])
{
	reader = fds[0];
	fcntl(reader, F_SETFL, O_NONBLOCK);
	cr_assert_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	close(fds[1]);
}

static const char *received(void)
{
	static char text[1 << 20];
	size_t n = 0;
	ssize_t got;

	while (n < sizeof(text) - 1 && (got = read(reader, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = 0;
	return text;
}

static void use_pipe(void)
{
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	redirect(fds);
}

TestSuite(log, .timeout = 30);

Test(log, a_line_is_json_whatever_the_text, .init = use_pipe)
{
	const char *text;

	log_error("test", "a \"quoted\\ text\nwith lines\t%c and \xc3\xa9", 1);
	text = received();
	cr_expect(strstr(text, "\"level\":\"error\""), "%s", text);
	cr_expect(strstr(text, "\"where\":\"test\",\"msg\":\"a \\\"quoted\\\\ text with lines   and ??\"}\n"), "%s", text);
	cr_expect_eq(text[0], '{');
}

Test(log, a_long_text_is_cut_to_one_whole_line, .init = use_pipe)
{
	char big[5000];
	const char *text;

	memset(big, '"', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	log_info("test", "%s", big);
	text = received();
	cr_assert_gt(strlen(text), 100);
	cr_expect_str_eq(text + strlen(text) - 3, "\"}\n");
}

Test(log, lines_below_the_level_are_not_written, .init = use_pipe)
{
	cr_expect(log_set_level("warn"));
	log_info("test", "quiet");
	log_warn("test", "loud");
	cr_expect_not(log_set_level("shout"));
	cr_expect_null(strstr(received(), "quiet"));
}

static unsigned long fill(void)
{
	unsigned long n = 0;

	for (; n < 100000 && metrics_sum(M_LOG_DROPPED, NULL, NULL) == 0; n++)
		log_info("test", "line %lu", n);
	return n;
}

/* Nobody reads: a call that blocked would run into the suite's timeout. */
static void drops_and_says_so(void)
{
	const char *text;

	cr_assert_lt(fill(), 100000, "the pipe is full at some time");
	log_info("test", "lost");
	cr_expect_eq(metrics_sum(M_LOG_DROPPED, NULL, NULL), 2);
	cr_expect_null(strstr(received(), "lost"));
	log_info("test", "after");
	text = received();
	cr_expect(strstr(text, "\"msg\":\"after\",\"lines_dropped\":2}"), "%s", text);
	log_info("test", "again");
	cr_expect_null(strstr(received(), "lines_dropped"));
}

Test(log, a_full_pipe_never_blocks, .init = use_pipe)
{
	drops_and_says_so();
}

Test(log, a_full_socket_never_blocks)
{
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	redirect(fds);
	drops_and_says_so();
}
