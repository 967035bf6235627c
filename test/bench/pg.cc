#include "test/bench/pg.h"
#include "test/bench/measure.h"

#include <algorithm>
#include <cstdlib>

Pg::Pg(const std::string &conninfo) : conn(PQconnectdb(conninfo.c_str()))
{
	if (PQstatus(conn) != CONNECTION_OK)
		fail(std::string("PostgreSQL: ") + PQerrorMessage(conn));
}

static PgResult checked(PGconn *conn, PGresult *r)
{
	switch (PQresultStatus(r)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
	case PGRES_COPY_IN:
	case PGRES_COPY_OUT:
		return PgResult(r, PQclear);
	default:
		fail(std::string("PostgreSQL: ") + PQerrorMessage(conn));
	}
}

PgResult Pg::query(const std::string &sql)
{
	return checked(conn, PQexec(conn, sql.c_str()));
}

long Pg::count(const std::string &table)
{
	return atol(PQgetvalue(query("SELECT count(*) FROM " + table).get(), 0, 0));
}

std::string Pg::copy_out(const std::string &sql)
{
	PgResult r = query(sql);
	std::string all;
	char *piece;

	for (int n; (n = PQgetCopyData(conn, &piece, 0)) > 0; PQfreemem(piece))
		all.append(piece, (size_t)n);
	checked(conn, PQgetResult(conn));
	return all;
}

void Pg::copy_in(const std::string &sql, const std::string &data)
{
	enum { PIECE_BYTES = 64 << 10 };
	PgResult r = query(sql);

	for (size_t at = 0; at < data.size(); at += PIECE_BYTES)
		if (PQputCopyData(conn, data.data() + at,
				  (int)std::min<size_t>(PIECE_BYTES, data.size() - at)) != 1)
			fail(std::string("COPY: ") + PQerrorMessage(conn));
	if (PQputCopyEnd(conn, nullptr) != 1)
		fail(std::string("COPY: ") + PQerrorMessage(conn));
	checked(conn, PQgetResult(conn));
	PQclear(PQgetResult(conn));
}

void Pg::prepare(const char *name, const std::string &sql)
{
	checked(conn, PQprepare(conn, name, sql.c_str(), 0, nullptr));
}

PgResult Pg::execute(const char *name, const std::vector<const char *> &values)
{
	return checked(conn, PQexecPrepared(conn, name, (int)values.size(), values.data(), nullptr,
					    nullptr, 0));
}

RowWriter::RowWriter(Pg &p, const PGresult *r) : pg(p), rows(r), id_column(PQfnumber(r, "event_id"))
{
	std::string values;

	if (PQntuples(rows) == 0)
		fail("analytics_events is empty");
	for (int i = 1; i <= PQnfields(rows); i++)
		values += (i > 1 ? ",$" : "$") + std::to_string(i);
	pg.prepare("look_up", "SELECT 1 FROM bench_row_ids WHERE event_id = $1");
	pg.prepare("insert_event", "INSERT INTO bench_rows VALUES (" + values + ")");
	pg.prepare("insert_id", "INSERT INTO bench_row_ids (event_id) VALUES ($1)");
}

void RowWriter::insert_event(const std::string &id, int row)
{
	std::vector<const char *> values;

	row %= PQntuples(rows);
	for (int i = 0; i < PQnfields(rows); i++)
		values.push_back(i == id_column              ? id.c_str()
				 : PQgetisnull(rows, row, i) ? nullptr
							     : PQgetvalue(rows, row, i));
	pg.execute("insert_event", values);
}

void RowWriter::store_as_old_service(const std::string &id, int row)
{
	if (PQntuples(pg.execute("look_up", {id.c_str()}).get()) > 0)
		return;
	insert_event(id, row);
	pg.execute("insert_id", {id.c_str()});
}
