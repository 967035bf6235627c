/* server/main.c -- the program: picks a subcommand. It alone joins server and jobs. */
#include "jobs/job_table.h"
#include "jobs/projector.h"
#include "jobs/scheduler.h"
#include "server/admin/letter_retry.h"
#include "server/admin/pii_jobs.h"
#include "server/dev/dev.h"
#include "server/ingest/ingest.h"
#include "server/ingest/money.h"
#include "server/orders/order_client.h"
#include "server/reactor.h"
#include "server/services.h"
#include "server/supervisor.h"
#include "storage/base/clock.h"
#include "storage/base/conf.h"
#include "storage/base/log.h"
#include "storage/migrate.h"
#include "storage/pii_key.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

/* argv: what is left of the command line once the settings are taken out of it. */
typedef int command_fn(struct conf *c, int argc, char **argv);

static int say(enum err_code c, const struct err *e)
{
	if (!c)
		return 0;
	fprintf(stderr, "analyticsd: %s\n", e->detail);
	return 1;
}

static int serve(struct conf *c, int argc, char **argv)
{
	struct err e = { 0 };

	(void)argc, (void)argv;
	return say(supervisor_run(c, &e), &e);
}

/* Jobs alone; who is asked about health and metrics still answers. */
static int worker(struct conf *c, int argc, char **argv)
{
	c->workers = 1;
	c->jobs = 1;
	reactor_use_doors(DOORS_HEALTH);
	return serve(c, argc, argv);
}

static int job(struct conf *c, int argc, char **argv);

static int migrate(struct conf *c, int argc, char **argv)
{
	struct err e = { 0 };

	(void)argc, (void)argv;
	return say(migrate_run(c, &e), &e);
}

static int check_config(struct conf *c, int argc, char **argv)
{
	(void)c, (void)argc, (void)argv;
	puts("the settings are good");
	return 0;
}

static int version(struct conf *c, int argc, char **argv)
{
	(void)c, (void)argc, (void)argv;
	puts("analyticsd " VERSION);
	return 0;
}

static int help(struct conf *c, int argc, char **argv);

static const struct command {
	const char *name, *args, *help;
	command_fn *run;
	bool settings;   /* reads them, and refuses to go on when one is wrong */
	bool own_args;   /* takes arguments that are no settings */
} commands[] = {
	{ "serve", "[--no-jobs]", "take events, answer questions and run jobs, until SIGTERM", serve, true, false },
	{ "worker", "", "run jobs alone, until SIGTERM", worker, true, false },
	{ "job", "NAME [--date DATE]", "run one job now, or for a business day (2026-11-23), and exit", job, true, true },
	{ "migrate", "", "bring the database's schema up to date", migrate, true, false },
	{ "check-config", "", "say what is wrong with the settings", check_config, true, false },
	{ "dev", "[--data DIR] [--demo]", "serve with a PostgreSQL of its own; --demo plays a small shop into it",
	  dev_run, true, true },
	{ "version", "", "print the version", version, false, false },
	{ "help", "", "print this", help, false, false },
};
enum { COMMANDS = sizeof(commands) / sizeof(*commands) };

static int help(struct conf *c, int argc, char **argv)
{
	(void)c, (void)argc, (void)argv;
	puts("usage: analyticsd COMMAND [settings]\n\ncommands:");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-13s%-22s %s\n", commands[i].name, commands[i].args, commands[i].help);
	puts("\nsettings: a flag, or the environment variable beside it; a flag wins");
	conf_print_help(stdout);
	return 0;
}

static const struct command *find(const char *name)
{
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = "help";
	if (!strcmp(name, "--version"))
		name = "version";
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	return NULL;
}

/* What only the layers above the settings can judge; what is no code at all, the settings have told. */
static bool knows_settings(const struct conf *c)
{
	if (currency_find(slice_of(c->reporting_currency)) ||
	    strspn(c->reporting_currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3 || c->reporting_currency[3])
		return true;
	fprintf(stderr, "REPORTING_CURRENCY: %s is not a currency of ISO 4217\n", c->reporting_currency);
	return false;
}

/* A line for each argument that nobody takes, its value aside. */
static void say_unknown(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		fprintf(stderr, "%s: no setting of that name; see analyticsd help\n", argv[i]);
		if (*argv[i] == '-' && !strchr(argv[i], '=') && i + 1 < argc && *argv[i + 1] != '-')
			i++;
	}
}

static bool asks_for_help(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	return false;
}

/* --- jobs --- */

enum { READY_WAIT_US = 60 * 1000000 };
#define READY_LOOK_S 0.05

struct jobs {
	struct job_place place;
	struct scheduler *scheduler;
	struct letter_retry *letters;
	struct projector *projector;
	struct pii_jobs *pii;
	struct job_work work[4];
};

/* The one run of the command `job`; one a process. */
static struct {
	const char *name, *day;
	const struct services *services;
	struct job_ask ask;
	ev_timer look;            /* until PostgreSQL is there */
	uint64_t give_up_us;
	enum err_code code;
	struct err failure;
} one;

static void on_one_done(struct job_ask *a, enum err_code c, const struct err *e)
{
	(void)a;
	one.code = c;
	if (c)
		one.failure = *e;
	raise(SIGTERM); /* the reactor's way to end */
}

static void on_one_look(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct job_control *jobs = one.services->jobs;
	bool ready = one.services->ready(one.services);
	struct err e;

	(void)ev, (void)revents;
	if (!ready && clock_mono_us() < one.give_up_us && !one.services->draining)
		return;
	loop_timer_stop(one.services->loop, t);
	if (!ready)
		on_one_done(&one.ask, err_set(&e, ERR_STORE, "PostgreSQL is away"), &e);
	else if (jobs->run(jobs, one.name, one.day, &one.ask, &e))
		on_one_done(&one.ask, e.code, &e);
}

static void start_one(const struct services *s)
{
	one.services = s;
	one.ask.done = on_one_done;
	one.give_up_us = clock_mono_us() + READY_WAIT_US;
	ev_init(&one.look, on_one_look);
	loop_timer(s->loop, &one.look, 0, READY_LOOK_S);
}

static bool read_job_args(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--date") && i + 1 < argc)
			one.day = argv[++i];
		else if (!strncmp(argv[i], "--date=", 7))
			one.day = argv[i] + 7;
		else if (!one.name && *argv[i] != '-')
			one.name = argv[i];
		else
			return fprintf(stderr, "%s: job takes a name, --date DATE, and settings\n", argv[i]), false;
	}
	if (!one.name || !job_find(one.name))
		return fprintf(stderr, "%s; there are:", one.name ? "no job has this name" : "which job?"), false;
	if (one.day && !schedule_date_valid(one.day))
		return fprintf(stderr, "--date: %s is no date, such as 2026-11-23\n", one.day), false;
	if (one.day && !schedule_date_has_come(one.day, clock_wall_us()))
		return fprintf(stderr, "--date: %s has not come yet\n", one.day), false;
	return true;
}

static int job(struct conf *c, int argc, char **argv)
{
	struct err e = { 0 };
	enum err_code rc = ERR_OK;

	if (!read_job_args(argc, argv)) {
		for (const struct job *j = job_table; j->name && (!one.name || !job_find(one.name)); j++)
			fprintf(stderr, " %s%s", j->name, j[1].name ? "" : "\n");
		return EXIT_USAGE;
	}
	c->jobs = c->projector = 0;
	reactor_use_doors(DOORS_NONE);
	if (!*c->pii_hmac_key)
		rc = pii_key_load(c, c->pii_hmac_key, sizeof(c->pii_hmac_key), &e);
	if (!rc)
		rc = reactor_run(c, 0, 1, clock_mono_us(), &e);
	return rc ? say(rc, &e) : say(one.code, &one.failure);
}

static void stop_jobs(void *jobs)
{
	struct jobs *j = jobs;

	scheduler_destroy(j->scheduler);
	order_client_destroy(j->place.orders);
	letter_retry_stop(j->letters);
	pii_jobs_destroy(j->pii);
	projector_stop(j->projector);
	free(j);
}

static void drain_jobs(void *jobs)
{
	scheduler_drain(((struct jobs *)jobs)->scheduler);
}

static bool jobs_quiet(const void *jobs)
{
	return scheduler_quiet(((const struct jobs *)jobs)->scheduler);
}

static void on_lag(void *ingest, double lag_s)
{
	ingest_keep_pace(ingest, lag_s);
}

static enum err_code start_jobs(struct services *s, void **out, struct err *e)
{
	const struct projector_watch watch = { on_lag, s->ingest };
	struct jobs *j = calloc(1, sizeof(*j));
	enum err_code rc;

	if (!j)
		return err_set(e, ERR_QUOTA, "no memory for the jobs");
	j->place = (struct job_place){ s->conf, s->loop, s->queries, s->job_queries ? s->job_queries : s->queries, NULL,
				       s->offload };
	if (!(rc = letter_retry_start(&j->letters, s, e)) && !(rc = order_client_create(&j->place.orders, s, e)) &&
	    !(rc = pii_jobs_create(&j->pii, s, e))) {
		j->work[0] = (struct job_work){ "dead_letter_retry", letter_retry_job, j->letters };
		j->work[1] = (struct job_work){ "pii_backfill", pii_backfill, j->pii };
		j->work[2] = (struct job_work){ "pii_audit", pii_audit, j->pii };
		rc = scheduler_create(&j->scheduler, &j->place, j->work, s->conf->jobs, e);
	}
	if (rc || (rc = projector_start(&j->projector, s->conf,
					currency_find(slice_of(s->conf->reporting_currency))->digits, &watch,
					s->loop, s->offload, e))) {
		stop_jobs(j);
		return rc;
	}
	s->jobs = scheduler_control(j->scheduler);
	if (one.name)
		start_one(s);
	*out = j;
	return ERR_OK;
}

/* A flag without a value, as a setting would need it. */
static bool take_no_jobs(int *argc, char **argv)
{
	int kept = 0, given = *argc;

	for (int i = 0; i < given; i++)
		if (strcmp(argv[i], "--no-jobs"))
			argv[kept++] = argv[i];
	*argc = kept;
	return kept < given;
}

int main(int argc, char **argv)
{
	static const struct reactor_jobs jobs = { start_jobs, drain_jobs, jobs_quiet, stop_jobs };
	const struct command *cmd = argc > 1 ? find(argv[1]) : NULL;
	struct conf conf;

	if (!cmd) {
		fprintf(stderr, "analyticsd: %s%s; see analyticsd help\n", argc > 1 ? "unknown command " : "no command",
			argc > 1 ? argv[1] : "");
		return EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	reactor_use_jobs(&jobs);
	argc -= 2, argv += 2;
	if (asks_for_help(argc, argv))
		return help(NULL, 0, NULL);
	if (cmd->settings) {
		bool no_jobs = take_no_jobs(&argc, argv);
		bool ok = conf_load(&conf, &argc, argv, stderr);

		if (!cmd->own_args)
			say_unknown(argc, argv);
		ok = knows_settings(&conf) && ok;
		if (!ok || (argc && !cmd->own_args))
			return EXIT_USAGE;
		conf.jobs = conf.jobs && !no_jobs;
		schedule_use_zone(conf.business_timezone);
		(void)log_set_level(conf.log_level);
	}
	return cmd->run(&conf, argc, argv);
}
