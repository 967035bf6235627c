"""A shop without sense, full of coincidences, and questions about it. Events go straight into the table, each batch
with its mark, as the service stores them."""
import contextlib
import datetime as dt
import json
import uuid

import psycopg2.extras

from answers_truth import DECIMALS, STAGES, UTC, D, Event, midnight
from fixture.postgres import ROLE
from fixture.wait import wait_until

ZONES = [
    "UTC",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "America/New_York",
    "America/Havana",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "CET",
]
# Days on which clocks change: New York and Havana in March and November, Lord Howe in April, Cairo in April.
CHANGES = [
    dt.datetime(2025, 3, 9, tzinfo=UTC),
    dt.datetime(2025, 4, 5, tzinfo=UTC),
    dt.datetime(2025, 4, 25, tzinfo=UTC),
    dt.datetime(2025, 11, 1, tzinfo=UTC),
]
INSERT = """INSERT INTO analytics_events (created_at, received_at, event_key, event_type, event_id, event_source, schema_version,
    session_id, customer_id, order_id, product_id, amount, currency, status, items, properties) VALUES %s"""
MARK = """INSERT INTO projection_marks (part, row_ids, from_at, to_at)
    SELECT tableoid, array_agg(ctid), min(created_at), max(created_at)
    FROM analytics_events WHERE event_key = ANY (%s::uuid[]) GROUP BY tableoid"""
CATEGORIES = ["hats", "shoes", 'Ünïcode "x", {\\}', "", None]
BRANDS = ["acme", "zenith", "", None, None]
STATUSES = ["CONFIRMED", "PAID", "SHIPPED", "DELIVERED", "COMPLETED", "CANCELLED", "on hold"]


def event(at, kind, received=None, **fields):
    return Event(at, received or at, str(uuid.uuid4()), kind, **fields)


def store(db, events):
    rows = [
        (
            e.at, e.received, e.key, e.type, e.key, "test", "v1", e.session, e.customer, e.order, e.product, e.amount,
            e.currency, e.status, json.dumps(e.items, default=float) if e.items is not None else None,
            json.dumps(e.properties or {}, default=float),
        )
        for e in events
    ]  # fmt: skip
    with contextlib.closing(db.connect(autocommit=False)) as c, c.cursor() as cursor:
        cursor.execute(f"SET ROLE {ROLE}")
        for month in {(e.at.year, e.at.month) for e in events}:
            cursor.execute("SELECT ensure_events_month(%s)", (dt.datetime(*month, 1, tzinfo=UTC),))
        psycopg2.extras.execute_values(cursor, INSERT, rows, page_size=1000)
        cursor.execute(MARK, ([e.key for e in events],))
        c.commit()


def settle(db):
    """Until every stored event is in the answers."""
    wait_until(
        lambda: db.value("SELECT NOT EXISTS (SELECT FROM projection_marks) AND NOT EXISTS (SELECT FROM stale_days)"),
        "everything is projected",
    )


def set_rate(db, day, currency, rate):
    db.execute(
        "INSERT INTO fx_rates VALUES (%s, %s, %s) ON CONFLICT (day, currency) DO UPDATE SET rate = excluded.rate",
        day,
        currency,
        rate,
    )


def money(rnd, most, decimals):
    return D(rnd.randrange(most)).scaleb(-decimals).quantize(D(1).scaleb(-decimals))


def items(rnd, decimals):
    out = []
    for _ in range(rnd.randrange(4)):
        n = rnd.randrange(12)
        names = {"category": rnd.choice(CATEGORIES), "brand": rnd.choice(BRANDS), "sku": rnd.choice([f"sku{n}", None])}
        out.append({
            "product_id": f"p{n}",
            "quantity": rnd.choice([D(1), D(1), D(2), D(3), D("0.5"), D("1.25"), D(0)]),
            "price": money(rnd, 100000, decimals),
            **{k: v for k, v in names.items() if v is not None},
            **({"cost": money(rnd, 60000, decimals)} if rnd.random() < 0.5 else {}),
        })  # fmt: skip
    return out


def of_order(rnd, kind, at):
    """The fields of an event about an order: few orders, named again and again."""
    currency = rnd.choice(["USD", "USD", None, "EUR", "JPY", "KWD"])
    decimals = DECIMALS[currency or "KWD"] if currency else 0
    order = f"o{at.month}-{rnd.randrange(120)}" if rnd.random() < 0.9 else f"o-{rnd.randrange(30)}"
    paid = {"amount": money(rnd, 10000000, decimals), "currency": currency}
    if kind == "purchase":
        return {"order": order, "status": rnd.choice(["CONFIRMED", "PAID"]), **paid,
                "items": items(rnd, decimals) if rnd.random() < 0.9 else None}  # fmt: skip
    if kind == "payment_refunded":
        return {"order": order, **paid, "properties": {"payment_id": "p"}}
    if kind == "fulfillment_status_changed":
        return {"order": order, "status": rnd.choice(["COMPLETED", "PICKING"]),
                "properties": {"fulfillment_id": f"f-{order}"}}  # fmt: skip
    return {"order": order, "status": {"order_created": "PENDING", "order_cancelled": "CANCELLED"}.get(kind, rnd.choice(STATUSES[2:]))}


def of_product(rnd, kind):
    n = rnd.randrange(12)
    names = {"name": rnd.choice(["Hat", "Shoe", f"N{n}"]), "sku": f"sku{n}", "category": rnd.choice(CATEGORIES),
             "brand": rnd.choice(BRANDS)}  # fmt: skip
    about = {k: v for k, v in names.items() if v is not None and rnd.random() < 0.5}
    if kind == "stock_changed":
        about = {"sku": f"sku{n}", "warehouse_id": rnd.choice("ab"), "quantity": rnd.choice([0, 0, 3, 40])}
    return {"product": f"p{n}", "properties": about}


KINDS = [*STAGES, "purchase", "purchase", "remove_from_cart", "customer_login", "customer_registered", "order_created",
         "order_cancelled", "order_status_changed", "order_status_changed", "fulfillment_status_changed",
         "payment_refunded", "product_updated", "stock_changed"]  # fmt: skip
ABOUT_ORDERS = {"purchase", "order_created", "order_cancelled", "order_status_changed", "fulfillment_status_changed",
                "payment_refunded"}  # fmt: skip
ABOUT_PRODUCTS = {"product_view", "add_to_cart", "remove_from_cart", "product_updated", "stock_changed"}


def random_events(rnd, now):
    """Times on a coarse grid, so that many are equal and many stand at a day's edge."""
    events = []
    for center, n in [(c, 350) for c in CHANGES] + [(now - dt.timedelta(days=20), 900), (now - dt.timedelta(days=3), 700)]:
        width = 20 if n != 700 else 3
        for _ in range(n):
            at = center + dt.timedelta(minutes=15 * rnd.randrange(-96 * width, 96 * width))
            at = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
            if rnd.random() < 0.1:  # a microsecond off the grid, on either side
                at += dt.timedelta(microseconds=rnd.choice([-1, 1]))
            at, kind = min(at, now), rnd.choice(KINDS)
            about = of_order(rnd, kind, at) if kind in ABOUT_ORDERS else of_product(rnd, kind) if kind in ABOUT_PRODUCTS else {}
            who = {} if kind in ABOUT_ORDERS - {"purchase"} else {
                "session": rnd.choice([None, *(f"s{at.month}-{i}" for i in range(40))]),
                "customer": rnd.choice([None, *(f"c{i}" for i in range(60))]),
            }  # fmt: skip
            events.append(event(at, kind, now + dt.timedelta(seconds=rnd.randrange(3)), **who, **about))
    return events


def random_rates(rnd, events):
    """On most days, for two currencies of four: rates that make many a half of the smallest unit."""
    return {
        (day, currency): rnd.choice([D("1.5"), D("0.5"), D("1.105"), D("0.0065"), D("151.25"), D("3.2575")])
        for day in sorted({e.at.date() + dt.timedelta(n) for e in events for n in (-1, 0, 1)})
        for currency in ("EUR", "JPY", "USD")
        if rnd.random() < 0.6
    }


def random_range(rnd, zone, now):
    """(arguments, start, end), both by the definition."""
    day = lambda t: t.astimezone(zone).date()  # noqa: E731
    text = lambda t, z: t.astimezone(z).isoformat()  # noqa: E731
    center = rnd.choice([*CHANGES, now - dt.timedelta(days=20), now - dt.timedelta(days=5)])
    start = center + dt.timedelta(hours=rnd.randrange(-120, 60))
    end = start + rnd.choice(
        [
            dt.timedelta(minutes=15 * rnd.randrange(1, 400)),
            dt.timedelta(days=rnd.randrange(1, 15)),
            dt.timedelta(seconds=rnd.random() * 900000),
        ]
    )
    first, last = day(start), day(end)
    tomorrow = lambda d: midnight(d + dt.timedelta(1), zone)  # noqa: E731
    kind = rnd.randrange(6)
    if kind == 0:
        return {"startDate": str(first), "endDate": str(last)}, midnight(first, zone), tomorrow(last)
    if kind == 1:
        return {"startDate": text(start, rnd.choice([UTC, zone])), "endDate": text(end, UTC)}, start, end
    if kind == 2:  # whole local days, said as instants
        start, end = midnight(first, zone), tomorrow(last)
        return {"startDate": text(start, zone), "endDate": text(end, UTC)}, start, end
    if kind == 3:
        return {"startDate": text(start, UTC).replace("+00:00", "Z"), "endDate": str(last)}, start, tomorrow(last)
    if kind == 4:
        start = midnight(first, zone)
        end = max(end, start + dt.timedelta(seconds=1))
        return {"startDate": str(first), "endDate": text(end, UTC)}, start, end
    return named_range(rnd.choice(["today", "yesterday", "this_month", "last_month", "this_year", "7d", "30d", "90d", None, "start"]), zone, now)


def named_range(name, zone, now):
    today = now.astimezone(zone).date()
    month, tomorrow = today.replace(day=1), today + dt.timedelta(1)
    if name == "start":
        first = today - dt.timedelta(11)
        return {"startDate": str(first)}, midnight(first, zone), midnight(tomorrow, zone)
    first, after = {
        "today": (today, tomorrow),
        "yesterday": (today - dt.timedelta(1), today),
        "this_month": (month, tomorrow),
        "last_month": ((month - dt.timedelta(1)).replace(day=1), month),
        "this_year": (today.replace(month=1, day=1), tomorrow),
        **{f"{n}d": (today - dt.timedelta(n - 1), tomorrow) for n in (7, 30, 90)},
    }[name or "30d"]
    return {"dateRange": name} if name else {}, midnight(first, zone), midnight(after, zone)
