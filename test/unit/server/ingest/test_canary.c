/* A person in every place of every event: nothing of him may be found below the anonymize line. */
#include "server/ingest/event_table.h"

#include "test/unit/server/ingest/judging.h"

#define EMAIL "jane.canary@example.com"
#define IP4 "198.51.100.77"
#define IP6 "2001:db8:7777:8888::9999"
#define AGENT "Canary/7.7 (Secret)"
#define PHONE "+15550107777"
#define NAME "Canaria Secreta"
#define STREET "Elm Canary 13"

static const char *const clear[] = { "jane", "100.77", "8888", "Canary", "Secret", "5550107", "Elm", "anaria" };

static void expect_clean(struct slice s, const char *where)
{
	for (size_t i = 0; i < sizeof(clear) / sizeof(*clear); i++)
		cr_assert_not(slice_has(s, clear[i]), "%s of %s: %s", clear[i], where, str(s));
}

static void expect_clean_row(const struct event_row *r)
{
	struct slice all[ROW_TEXTS];

	row_texts(r, all);
	for (int i = 0; i < ROW_TEXTS; i++)
		expect_clean(all[i], "a column");
}

static void expect_clean_letter(struct judged *j)
{
	struct dead_letter l = letter_of(j);
	struct slice all[LETTER_TEXTS];

	letter_texts(&l, all);
	for (int i = 0; i < LETTER_TEXTS; i++)
		expect_clean(all[i], "a letter");
	expect_clean(slice_of(j->rej.field), "a field");
	expect_clean(slice_of(j->rej.message), "a message");
}

/* Any text where a string may stand. */
#define TEXT "mail " EMAIL " from " IP4 " or " IP6 " with " AGENT
#define PERSON                                                                                           \
	"\"customer_name\":\"" NAME "\",\"firstName\":\"" NAME "\",\"last_name\":\"" NAME "\",\"full-name\":\"" NAME "\"," \
	"\"phone\":\"" PHONE "\",\"phoneNumber\":\"" PHONE "\",\"mobile\":\"" PHONE "\",\"street\":\"" STREET "\","        \
	"\"address\":\"" STREET "\",\"address1\":\"" STREET "\",\"address2\":\"" STREET "\","                    \
	"\"shipping_address\":{\"line\":\"" STREET "\",\"country\":\"DE\"},"                                     \
	"\"billingAddress\":{\"name\":\"" NAME "\",\"postal_code\":\"10115\"}"
/* "name" is a person's inside of a customer */
#define DEEP "\"a\":[{\"b\":{\"customer\":{\"name\":\"" NAME "\"}," PERSON ",\"email\":\"" EMAIL "\",\"ip_address\":\"" IP4  \
	"\",\"user_agent\":\"" AGENT "\",\"t\":\"" TEXT "\"}}],\"" EMAIL "\":1,\"" IP4 "\":2,\"" IP6 "\":3,\"" AGENT "\":4"  \
	",\"embedded\":\"{\\\"phone\\\":\\\"" PHONE "\\\",\\\"first_name\\\":\\\"" NAME "\\\"}\"," \
	"\"query\":\"/x?phone=" PHONE "&full_name=Canaria&e=jane.canary%40example.com\""

static char *event_of(const char *topic, const char *members)
{
	char *event = kept(strlen(members) + 400);

	sprintf(event,
		"{\"id\":\"ce-" IP4 "\",\"source\":\"" EMAIL "\",\"type\":\"%s\",\"time\":\"" NOW_TEXT "\","
		"\"data\":{%s}}",
		topic, members);
	return event;
}

/* All named fields with a person wherever a string is taken. */
static char *all_members(const struct topic *t)
{
	char *members = malloc(16384), *p = members;

	p += sprintf(p, "\"event_id\":\"e-" EMAIL "\"");
	for (enum field f = F_NONE + 1; f < FIELDS; f++) {
		const char *name = field_rows[f].name.p, *value = NULL;

		if (event_field_find(t, field_rows[f].name) != f)
			continue;
		switch (field_rows[f].kind) {
		case KIND_ID:
		case KIND_LABEL:
		case KIND_TEXT:
			value = f == F_NEW_STATUS ? "\"SHIPPED " IP4 "\"" : f == F_EMAIL ? "\"" EMAIL "\"" :
				f == F_IP_ADDRESS ? "\"" IP4 "\"" : f == F_USER_AGENT ? "\"Secret Agent\"" :
				event_field_personal(t, f) ? "\"" NAME "\"" : "\"" TEXT "\"";
			break;
		case KIND_PHONE:
			value = "\"" PHONE "\"";
			break;
		case KIND_ITEMS:
			value = "[{\"product_id\":\"" TEXT "\",\"sku\":\"" EMAIL
				"\",\"quantity\":1,\"price\":1,\"category\":\"" TEXT
				"\",\"brand\":\"" IP6 "\",\"seller_id\":\"" IP4 "\",\"extra\":{" PERSON ",\"t\":\"" TEXT "\"}}]";
			break;
		case KIND_CURRENCY:
			value = "\"USD\"";
			break;
		case KIND_TIME:
			value = "\"" NOW_TEXT "\"";
			break;
		default:
			value = "1";
		}
		p += sprintf(p, ",\"%s\":%s", name, value);
	}
	/* those of PERSON that are named fields are there already */
	sprintf(p, "%s", "," DEEP ",\"FIRST_NAME\":\"" NAME "\",\"customer\":{\"name\":\"" NAME "\"},\"context\":{" PERSON "}");
	return members;
}

static size_t topic_count(void)
{
	size_t n;

	event_topics(&n);
	return n;
}

ParameterizedTestParameters(canary, every_event_type)
{
	static size_t at[64];

	for (size_t i = 0; i < topic_count(); i++)
		at[i] = i;
	return cr_make_param_array(size_t, at, topic_count());
}
ParameterizedTest(size_t *i, canary, every_event_type)
{
	size_t n;
	const struct topic *t = &event_topics(&n)[*i];
	char *members = all_members(t), *event = event_of(t->name.p, members);
	struct judged j = judge_text(event);

	cr_assert(j.stored, "%s %s: %s", reject_name(j.rej.code), j.rej.field, j.rej.message);
	expect_clean_row(&j.row);
	cr_assert(slice_has(j.row.properties, "\"country\":\"DE\""), "the country of an address stays");
	judged_free(&j);

	/* the same, rejected: one by one for each way in which it can be */
	const char *ruin[] = { ",\"schema_version\":\"" TEXT "\"", ",\"timestamp\":\"" TEXT "\"",
			       ",\"" EMAIL "_amount\":-1", ",\"timestamp\":\"2030-01-01T00:00:00Z\"" };
	for (size_t k = 0; k < sizeof(ruin) / sizeof(*ruin); k++) {
		char *bad = malloc(strlen(members) + 200), *text;

		sprintf(bad, "%s%s", members, ruin[k]);
		text = event_of(t->name.p, bad);
		j = judge_text(text);
		cr_assert_not(j.stored, "%s", ruin[k]);
		expect_clean_letter(&j);
		judged_free(&j);
		free(bad);
	}
	j = judge_text(event_of(EMAIL, members));
	cr_assert_eq(j.rej.code, REJECT_UNKNOWN_EVENT_TYPE);
	expect_clean_letter(&j);
	judged_free(&j);
	free(members);
}

/* Cut at every byte: what cannot be parsed is clean, too. */
Test(canary, malformed_bytes)
{
	char *event = event_of("orders.order.status_changed", PERSON ",\"email\":\"" EMAIL "\",\"name\":\"" NAME "\","
			       "\"ip_address\":\"" IP4 "\",\"ip6\":\"" IP6 "\",\"user_agent\":\"" AGENT "\",\"t\":\"" TEXT "\"");
	size_t n = strlen(event);
	struct judged j;

	for (size_t cut = 1; cut < n; cut++) {
		char last = event[cut - 1];

		j = judge_slice((struct slice){ event, cut });
		cr_assert_eq(j.rej.code, REJECT_MALFORMED_JSON);
		/* half a person right at the cut is not recognizable as one: only what stands under a key is */
		if (strchr("\"},", last))
			expect_clean_letter(&j);
		judged_free(&j);
	}
}

Test(canary, a_name_belongs_to_customers_only)
{
	struct judged j = judge_data("catalog.product.created", "\"product_id\":\"p\",\"sku\":\"s\",\"name\":\"Mug\","
				     "\"nested\":{\"name\":\"Blue\"},\"customer\":{\"name\":\"" NAME "\"}");

	cr_assert(j.stored);
	cr_assert(slice_has(j.row.properties, "\"name\":\"Mug\""));
	cr_assert(slice_has(j.row.properties, "\"name\":\"Blue\""));
	cr_assert(slice_has(j.row.properties, "\"name\":\"C***\""));
	judged_free(&j);
	j = judge_data("customer.registered", "\"customer_id\":\"c\",\"name\":\"" NAME "\",\"nested\":{\"name\":\"" NAME "\"}");
	cr_assert(j.stored);
	cr_assert_str_eq(str(j.row.properties), "{\"name\":\"C***\",\"nested\":{\"name\":\"C***\"}}");
	judged_free(&j);
}
