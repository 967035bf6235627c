/* test/bench/pg.h -- PostgreSQL through libpq, blocking, for what the service is compared with.
 * Errors: any failure ends the benchmark. */
#ifndef TEST_BENCH_PG_H
#define TEST_BENCH_PG_H

#include <libpq-fe.h>
#include <memory>
#include <string>
#include <vector>

using PgResult = std::unique_ptr<PGresult, void (*)(PGresult *)>;

class Pg
{
public:
	explicit Pg(const std::string &conninfo);
	~Pg() { PQfinish(conn); }
	Pg(const Pg &) = delete;
	Pg &operator=(const Pg &) = delete;

	PgResult query(const std::string &sql);
	long count(const std::string &table);
	std::string copy_out(const std::string &sql);
	void copy_in(const std::string &sql, const std::string &data);
	void prepare(const char *name, const std::string &sql);
	PgResult execute(const char *name, const std::vector<const char *> &values);

private:
	PGconn *conn;
};

/* Rows of analytics_events, as text: what single-row writers insert again under fresh identities. */
class RowWriter
{
public:
	/* rows: SELECT * FROM analytics_events; outlives the writer */
	RowWriter(Pg &pg, const PGresult *rows);
	/* One autocommit statement. */
	void insert_event(const std::string &id, int row);
	/* Three: look up, insert event, insert id. */
	void store_as_old_service(const std::string &id, int row);

private:
	Pg &pg;
	const PGresult *rows;
	int id_column;
};

#endif
