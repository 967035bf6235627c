#include "server/ingest/money.h"

#include "test/unit/server/ingest/judging.h"

static const struct {
	const char *text;
	unsigned scale;
	enum decimal_verdict verdict;
	int64_t want;
} cases[] = {
	{ "0", 2, DECIMAL_EXACT, 0 },
	{ "-0", 2, DECIMAL_EXACT, 0 },
	{ "-0.00", 2, DECIMAL_EXACT, 0 },
	{ "12.34", 2, DECIMAL_EXACT, 1234 },
	{ "12.3", 2, DECIMAL_EXACT, 1230 },
	{ "12", 2, DECIMAL_EXACT, 1200 },
	{ "12.340000", 2, DECIMAL_EXACT, 1234 },
	{ "0.01", 2, DECIMAL_EXACT, 1 },
	{ "1.005", 2, DECIMAL_ROUNDED, 101 }, /* as a double it is less than that */
	{ "1.0049999999999999999", 2, DECIMAL_ROUNDED, 100 },
	{ "0.005", 2, DECIMAL_ROUNDED, 1 },
	{ "0.0049", 2, DECIMAL_ROUNDED, 0 },
	{ "0.0005", 2, DECIMAL_ROUNDED, 0 },
	{ "9.995", 2, DECIMAL_ROUNDED, 1000 },
	{ "1e2", 2, DECIMAL_EXACT, 10000 },
	{ "1E+2", 2, DECIMAL_EXACT, 10000 },
	{ "1234e-2", 2, DECIMAL_EXACT, 1234 },
	{ "12.345e1", 2, DECIMAL_EXACT, 12345 },
	{ "0.00001e5", 2, DECIMAL_EXACT, 100 },
	{ "1e-400", 2, DECIMAL_ROUNDED, 0 },
	{ "1e-99999999999999999999", 2, DECIMAL_ROUNDED, 0 },
	{ "0e99999999999999999999", 2, DECIMAL_EXACT, 0 },
	{ "1e400", 2, DECIMAL_RANGE, -1 },
	{ "1e99999999999999999999", 2, DECIMAL_RANGE, -1 },
	{ "10000000000000.00", 2, DECIMAL_EXACT, 1000000000000000 },
	{ "10000000000000.004", 2, DECIMAL_ROUNDED, 1000000000000000 },
	{ "10000000000000.005", 2, DECIMAL_RANGE, -1 },
	{ "10000000000000.01", 2, DECIMAL_RANGE, -1 },
	{ "9223372036854775808", 0, DECIMAL_RANGE, -1 },
	{ "-0.001", 2, DECIMAL_NEGATIVE, -1 },
	{ "-5", 2, DECIMAL_NEGATIVE, -1 },
	{ "1500", 0, DECIMAL_EXACT, 1500 },
	{ "1500.5", 0, DECIMAL_ROUNDED, 1501 },
	{ "1.2345", 3, DECIMAL_ROUNDED, 1235 },
	{ "1.2345", 4, DECIMAL_EXACT, 12345 },
};
INDEX_PARAMETERS(money, decimal, cases)
ParameterizedTest(size_t *i, money, decimal)
{
	int64_t v = -1;

	cr_assert_eq(decimal_parse(slice_of(cases[*i].text), cases[*i].scale, MONEY_MAX_MINOR, &v),
		     cases[*i].verdict, "%s", cases[*i].text);
	cr_assert_eq(v, cases[*i].want, "%s: %lld", cases[*i].text, (long long)v);
}

static const struct {
	const char *code;
	int digits; /* -1: unknown */
} currencies[] = {
	{ "USD", 2 }, { "EUR", 2 }, { "AED", 2 }, { "ZWG", 2 }, { "JPY", 0 }, { "KRW", 0 }, { "XPF", 0 },
	{ "KWD", 3 }, { "TND", 3 }, { "CLF", 4 }, { "UYW", 4 }, { "ISK", 0 }, { "TWD", 2 },
	{ "usd", -1 }, { "Usd", -1 }, { "usd!", -1 }, { "US", -1 }, { "USDX", -1 }, { "", -1 }, { "XXX", -1 },
	{ "XTS", -1 }, { "XAU", -1 }, { "ZZZ", -1 }, { "DEM", -1 },
};
INDEX_PARAMETERS(money, currency, currencies)
ParameterizedTest(size_t *i, money, currency)
{
	const struct currency *c = currency_find(slice_of(currencies[*i].code));

	cr_assert_eq(c ? c->digits : -1, currencies[*i].digits, "%s", currencies[*i].code);
}
