"""Batches cost PostgreSQL a statement each, or little more, whatever is in them."""
import concurrent.futures as cf

from fixture import events as shop
from fixture.service import tally

# All that touches what events are stored in; nothing else that the service does names these.
STATEMENTS = """SELECT query, calls FROM pg_stat_statements
                WHERE query ~ 'processed_events|analytics_events|event_row|ensure_events_month'
                  AND userid = 'analytics'::regrole"""
MAKERS = [shop.page_view, shop.product_view, shop.add_to_cart, shop.purchase]


def test_ten_thousand_events_in_twenty_calls(launch, db):
    db.execute("CREATE EXTENSION pg_stat_statements")
    service = launch(db, projector=0, jobs=0)
    calls = [[MAKERS[i % 4]() for i in range(500)] for _ in range(20)]
    db.execute("SELECT pg_stat_statements_reset()")
    with cf.ThreadPoolExecutor(4) as pool:
        assert set(map(tally, pool.map(service.publish, calls))) == {(500, 0, 0)}
    made = {r["query"]: r["calls"] for r in db.rows(STATEMENTS)}
    assert db.value("SELECT count(*) FROM analytics_events") == 10_000
    assert 0 < sum(made.values()) <= 60, made
    print(f"{sum(made.values())} calls of {len(made)} statements")
