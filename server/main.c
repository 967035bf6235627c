/* server/main.c -- the program: picks a subcommand. It alone joins server and jobs. */
#include "jobs/partition_maintenance.h"
#include "jobs/projector.h"
#include "server/admin/letter_retry.h"
#include "server/dev/dev.h"
#include "server/ingest/money.h"
#include "server/reactor.h"
#include "server/services.h"
#include "server/supervisor.h"
#include "storage/base/conf.h"
#include "storage/base/log.h"
#include "storage/migrate.h"

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
	{ "serve", "", "take events and answer questions, until SIGTERM", serve, true, false },
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

/* What only the layers above the settings can judge. */
static bool knows_settings(const struct conf *c)
{
	if (currency_find(slice_of(c->reporting_currency)))
		return true;
	fprintf(stderr, "REPORTING_CURRENCY: %s is not a currency of ISO 4217\n", c->reporting_currency);
	return false;
}

static bool asks_for_help(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	return false;
}

struct jobs {
	struct partition_maintenance *partitions;
	struct letter_retry *letters;
	struct projector *projector;
};

static void stop_jobs(void *jobs)
{
	struct jobs *j = jobs;

	partition_maintenance_stop(j->partitions);
	letter_retry_stop(j->letters);
	projector_stop(j->projector);
	free(j);
}

static enum err_code start_jobs(const struct services *s, void **out, struct err *e)
{
	struct jobs *j = calloc(1, sizeof(*j));
	enum err_code rc;

	if (!j)
		return err_set(e, ERR_QUOTA, "no memory for the jobs");
	if ((rc = partition_maintenance_start(&j->partitions, s->conf, s->loop, s->queries, e)) ||
	    (rc = letter_retry_start(&j->letters, s, e)) ||
	    (rc = projector_start(&j->projector, s->conf, currency_find(slice_of(s->conf->reporting_currency))->digits,
				  s->loop, s->offload, e)))
		stop_jobs(j);
	else
		*out = j;
	return rc;
}

int main(int argc, char **argv)
{
	static const struct reactor_jobs jobs = { start_jobs, stop_jobs };
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
		bool ok = conf_load(&conf, &argc, argv, stderr);

		if (argc && !cmd->own_args)
			fprintf(stderr, "%s: no setting of that name; see analyticsd help\n", argv[0]);
		ok = ok && knows_settings(&conf);
		if (!ok || (argc && !cmd->own_args))
			return EXIT_USAGE;
		(void)log_set_level(conf.log_level);
	}
	return cmd->run(&conf, argc, argv);
}
