"""What every projection must hold, read naively off the rows of analytics_events: one pass a table, no state that
is carried on, exact decimals and Python's own time zones."""
import collections
import datetime as dt
import decimal
import zoneinfo

UTC = dt.timezone.utc
D = decimal.Decimal
EPOCH = dt.datetime(1970, 1, 1, tzinfo=UTC)
NEVER = dt.date.min  # stands for -infinity
STAGES = ["page_view", "product_view", "add_to_cart", "checkout", "purchase"]
ACTIONS = {*STAGES, "remove_from_cart", "customer_login", "customer_registered"}
NAMING = {"product_view", "add_to_cart", "remove_from_cart", "product_created", "product_updated", "stock_changed"}
KEYS = {
    "orders": ["order_id"],
    "sessions": ["session_id"],
    "customer_days": ["customer_id", "day"],
    "customers": ["customer_id"],
    "products": ["product_id"],
    "stock": ["sku", "warehouse_id"],
    "shipments": ["shipment_id"],
    "fulfillments": ["fulfillment_id"],
    "returns": ["return_id"],
    "payments": ["event_key"],
    "registrations": ["event_key"],
    "promotion_uses": ["event_key"],
    "marketing_spends": ["event_key"],
    "stock_levels": ["event_key"],
    "sales_days": ["day"],
    "sales_hours": ["hour"],
    "category_days": ["day", "category"],
    "product_days": ["day", "product_id"],
    "session_days": ["day", "device", "source"],
    "active_days": ["day", "previous_day"],
    "event_quarters": ["quarter", "event_type"],
}


def number(value):
    return D(str(value)) if value is not None else None


def grouped(events, key):
    groups = collections.defaultdict(list)
    for e in events:
        if key(e) is not None:
            groups[key(e)].append(e)
    return groups


def first(times):
    return min(times, default=None)


def told(events, value, latest):
    """(value, its time) of the latest or earliest event that has one; of equal times the greatest or least."""
    have = [(e["created_at"], value(e)) for e in events if value(e) is not None]
    at, v = (max if latest else min)(have) if have else (None, None)
    return v, at


def prop(name):
    return lambda e: e["properties"].get(name)


class Truth:
    def __init__(self, events, rates=None, currency="USD", decimals=2, zone="UTC"):
        self.events, self.rates = events, rates or {}
        self.currency, self.decimals, self.zone = currency, decimals, zoneinfo.ZoneInfo(zone)
        self.sales = [o for o in self.orders() if o["purchased_at"]]

    def day(self, at):
        return at.astimezone(self.zone).date()

    def rounded(self, money):
        return money.quantize(D(1).scaleb(-self.decimals), decimal.ROUND_HALF_UP)

    def rate(self, order):
        if (order["currency"] or self.currency) == self.currency:
            return D(1)
        return self.rates.get((self.day(order["purchased_at"]), order["currency"]))

    def money(self, order):
        rate = self.rate(order)
        return None if rate is None or order["amount"] is None else self.rounded(order["amount"] * rate)

    def lines(self, order):
        rate = self.rate(order)
        for i in order["items"] or []:
            quantity, price, cost = number(i["quantity"]), number(i["price"]), number(i.get("cost"))
            money = None if rate is None else self.rounded(quantity * price * rate)
            yield {
                "product_id": i["product_id"],
                "category": i.get("category", ""),
                "units": quantity,
                "money": money or 0,
                "margin_price": (money or 0) if cost is not None else 0,
                "margin_cost": self.rounded(quantity * cost * rate) if cost is not None and rate is not None else 0,
            }

    def of(self, *types):
        return [e for e in self.events if e["event_type"] in types]

    # -- entities ----------------------------------------------------------------------------------
    def orders(self):
        about = self.of("purchase", "order_created", "order_cancelled", "order_status_changed", "return_requested")
        about += [e for e in self.of("fulfillment_status_changed") if e["status"] == "COMPLETED"]
        for order, events in grouped(about, lambda e: e["order_id"]).items():
            def times(kind, events=events):
                return [e["created_at"] for e in events if e["event_type"] == kind]
            purchase = min((e for e in events if e["event_type"] == "purchase"), key=rank, default=None)
            states = [e for e in events if e["event_type"] not in ("return_requested", "fulfillment_status_changed")]
            latest = max(states, key=rank, default=None)
            p, s = purchase or collections.defaultdict(dict), latest or {}
            yield {
                "order_id": order,
                "purchased_at": p["created_at"] or None,
                "purchased_by": p["event_key"] or None,
                "customer_name": p["properties"].get("customer_name"),
                "source": p["properties"].get("traffic_source"),
                **{c: p[c] if purchase else None for c in ("customer_id", "session_id", "amount", "currency", "items")},
                "created_at": first(times("order_created")),
                "cancelled_at": first(times("order_cancelled")),
                "status": s.get("status"),
                "status_at": s.get("created_at"),
                "status_by": s.get("event_key"),
                "fulfilled_at": first(times("fulfillment_status_changed")),
                "returned_at": first(times("return_requested")),
            }

    def sessions(self):
        for session, events in grouped(self.events, lambda e: e["session_id"]).items():
            steps = sorted({micros(e["created_at"]) * 8 + STAGES.index(e["event_type"]) + 1
                            for e in events if e["event_type"] in STAGES})[:10000]
            funnel = [e["created_at"] for e in events if e["event_type"] in STAGES]
            device, source = told(events, prop("device_type"), False), told(events, prop("traffic_source"), False)
            customer = told(events, lambda e: e["customer_id"], True)
            page = told([e for e in events if e["event_type"] == "page_view"], prop("page_url"), True)
            yield {
                "session_id": session,
                "seen_at": max(e["created_at"] for e in events),
                "first_at": first(funnel),
                "last_at": max(funnel, default=None),
                "reached": reached(steps),
                "bought": any(e["event_type"] == "purchase" for e in events),
                "device": device[0], "device_at": device[1],
                "source": source[0], "source_at": source[1],
                "customer_id": customer[0], "customer_at": customer[1],
                "page_url": page[0], "page_at": page[1],
                "steps": steps,
            }

    def customer_days(self):
        acted = grouped(self.of(*ACTIONS), lambda e: e["customer_id"])
        for customer, events in acted.items():
            days = grouped(events, lambda e: self.day(e["created_at"]))
            for day, mine in days.items():
                yield {
                    "customer_id": customer,
                    "day": day,
                    "previous_day": max((d for d in days if d < day), default=NEVER),
                    "first_at": min(e["created_at"] for e in mine),
                    "last_at": max(e["created_at"] for e in mine),
                    "orders": sum(o["customer_id"] == customer and self.day(o["purchased_at"]) == day for o in self.sales),
                }

    def customers(self):
        for customer, events in grouped(self.events, lambda e: e["customer_id"]).items():
            yield {"customer_id": customer, "first_seen_at": min(e["created_at"] for e in events)}

    def products(self):
        named = [{"created_at": e["created_at"], "product_id": e["product_id"], **e["properties"]}
                 for e in self.of(*NAMING)]
        named += [{"created_at": e["created_at"], **i} for e in self.of("purchase") for i in e["items"] or []]
        for product, events in grouped(named, lambda e: e["product_id"]).items():
            row = {"product_id": product}
            for name in ("name", "sku", "category", "brand"):
                row[name], row[f"{name}_at"] = told(events, lambda e, name=name: e.get(name), True)
            yield row

    def stock(self):
        levels = grouped(self.of("stock_changed"), lambda e: (e["properties"]["sku"], e["properties"]["warehouse_id"]))
        for (sku, warehouse), events in levels.items():
            e = max(events, key=rank)
            p = e["properties"]
            yield {
                "sku": sku, "warehouse_id": warehouse, "at": e["created_at"], "event_key": e["event_key"],
                "product_id": e["product_id"], "quantity": number(p["quantity"]), "reserved": number(p.get("reserved")),
                "minimum_stock": number(p.get("minimum_stock")), "unit_cost": number(p.get("unit_cost")),
                "currency": e["currency"],
            }

    def shipments(self):
        for shipment, events in grouped(self.of("shipment_status_changed"), prop("shipment_id")).items():
            carrier = told(events, prop("carrier_name"), True)
            promised = told(events, lambda e: instant(e["properties"].get("promised_at")), True)
            yield {
                "shipment_id": shipment,
                "order_id": min(e["order_id"] for e in events),
                "first_at": min(e["created_at"] for e in events),
                "carrier": carrier[0], "carrier_at": carrier[1],
                "promised_at": promised[0], "promised_said_at": promised[1],
                "in_transit_at": first(e["created_at"] for e in events if e["status"] == "IN_TRANSIT"),
                "delivered_at": first(e["created_at"] for e in events if e["status"] == "DELIVERED"),
            }

    def fulfillments(self):
        about = self.of("fulfillment_status_changed", "fulfillment_sla_breach")
        for fulfillment, events in grouped(about, prop("fulfillment_id")).items():
            warehouse = told(events, prop("warehouse_id"), True)
            breaches = [e["created_at"] for e in events if e["event_type"] == "fulfillment_sla_breach"]
            yield {
                "fulfillment_id": fulfillment,
                "order_id": min(e["order_id"] for e in events),
                "first_at": min(e["created_at"] for e in events),
                "warehouse_id": warehouse[0], "warehouse_at": warehouse[1],
                "completed_at": first(e["created_at"] for e in events
                                      if e["event_type"] == "fulfillment_status_changed" and e["status"] == "COMPLETED"),
                "breached_at": first(breaches),
            }

    def returns(self):
        kinds = ["requested", "approved", "rejected", "completed"]
        for name, events in grouped(self.of(*(f"return_{k}" for k in kinds)), prop("return_id")).items():
            reason = told(events, lambda e: (e["properties"].get("reason") or {}).get("code"), False)
            yield {
                "return_id": name,
                "order_id": min(e["order_id"] for e in events),
                **{f"{k}_at": first(e["created_at"] for e in events if e["event_type"] == f"return_{k}") for k in kinds},
                "reason": reason[0], "reason_at": reason[1],
            }

    # -- facts -------------------------------------------------------------------------------------
    def payments(self):
        for e in self.of("payment_processed", "payment_failed", "payment_refunded"):
            p = e["properties"]
            yield {**fact(e), "kind": e["event_type"][len("payment_"):], "payment_id": p.get("payment_id"),
                   "order_id": e["order_id"], "method": p.get("payment_method"), "reason": p.get("failure_reason"),
                   "amount": e["amount"], "currency": e["currency"]}

    def registrations(self):
        for e in self.of("customer_registered"):
            yield {**fact(e), "customer_id": e["customer_id"]}

    def promotion_uses(self):
        for e in self.of("promotion_used"):
            p = e["properties"]
            yield {**fact(e), "code": p["promotion_code"], "order_id": e["order_id"],
                   "discount": number(p.get("discount_amount")), "currency": e["currency"]}

    def marketing_spends(self):
        for e in self.of("marketing_spend"):
            p = e["properties"]
            yield {**fact(e), "campaign": p["campaign"], "source": p.get("traffic_source", p["campaign"]),
                   "amount": e["amount"], "currency": e["currency"]}

    def stock_levels(self):
        for e in self.of("stock_changed"):
            p = e["properties"]
            yield {**fact(e), "sku": p["sku"], "warehouse_id": p["warehouse_id"], "product_id": e["product_id"],
                   "quantity": number(p["quantity"])}

    # -- sums --------------------------------------------------------------------------------------
    def sales_days(self):
        for day, orders in grouped(self.sales, lambda o: self.day(o["purchased_at"])).items():
            money = [m for m in map(self.money, orders) if m is not None]
            lines = [line for o in orders for line in self.lines(o)]
            yield {
                "day": day, "orders": len(orders), "priced_orders": len(money), "money": sum(money),
                "items_money": sum(line["money"] for line in lines),
                "margin_price": sum(line["margin_price"] for line in lines),
                "margin_cost": sum(line["margin_cost"] for line in lines),
                "customers": len({o["customer_id"] for o in orders} - {None}),
            }

    def sales_hours(self):
        hours = grouped(self.sales, lambda o: o["purchased_at"].replace(minute=0, second=0, microsecond=0))
        for hour, orders in hours.items():
            money = [m for m in map(self.money, orders) if m is not None]
            yield {"hour": hour, "orders": len(orders), "priced_orders": len(money), "money": sum(money)}

    def _items(self, name):
        rows = collections.defaultdict(list)
        for o in self.sales:
            for line in self.lines(o):
                rows[self.day(o["purchased_at"]), line[name]].append({**line, "order": o["order_id"]})
        for (day, value), lines in rows.items():
            sums = {k: sum(line[k] for line in lines) for k in ("units", "money", "margin_price", "margin_cost")}
            yield {"day": day, name: value, "orders": len({line["order"] for line in lines}), **sums}

    def category_days(self):
        for row in self._items("category"):
            yield {k: v for k, v in row.items() if not k.startswith("margin")}

    def product_days(self):
        none = {"views": 0, "cart_adds": 0, "orders": 0, "units": 0, "money": 0, "margin_price": 0, "margin_cost": 0}
        rows = collections.defaultdict(lambda: dict(none))
        for row in self._items("product_id"):
            rows[row["day"], row["product_id"]].update(row)
        for e in self.of("product_view", "add_to_cart"):
            counter = "views" if e["event_type"] == "product_view" else "cart_adds"
            rows[self.day(e["created_at"]), e["product_id"]][counter] += 1
        for (day, product), row in rows.items():
            yield {**row, "day": day, "product_id": product}

    def session_days(self):
        begun = [s for s in self.sessions() if s["first_at"]]
        for key, sessions in grouped(begun, lambda s: (self.day(s["first_at"]), s["device"] or "", s["source"] or "")).items():
            yield {**dict(zip(KEYS["session_days"], key)), "sessions": len(sessions), "bought": sum(s["bought"] for s in sessions),
                   **{f"reached{n}": sum(s["reached"] >= n for s in sessions) for n in range(1, 6)}}

    def active_days(self):
        counts = collections.Counter((d["day"], d["previous_day"]) for d in self.customer_days())
        for (day, previous), n in counts.items():
            yield {"day": day, "previous_day": previous, "customers": n}

    def event_quarters(self):
        counts = collections.Counter(
            (e["created_at"].replace(minute=e["created_at"].minute // 15 * 15, second=0, microsecond=0), e["event_type"])
            for e in self.events)
        for (quarter, kind), n in counts.items():
            yield {"quarter": quarter, "event_type": kind, "events": n}


def rank(e):
    return e["created_at"], e["event_key"]


def fact(e):
    return {"event_key": e["event_key"], "at": e["created_at"]}


def micros(t):
    return (t - EPOCH) // dt.timedelta(microseconds=1)


def instant(text):
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def reached(steps):
    """product.md's own words, stage by stage."""
    n, moment = 0, 0
    for stage in range(1, 6):
        later = [s // 8 for s in steps if s % 8 == stage and s // 8 >= moment]
        if not later:
            break
        n, moment = stage, min(later)
    return n


def by_key(table, rows):
    found = {}
    for row in rows:
        key = tuple(row[k] for k in KEYS[table])
        assert key not in found
        found[key] = row
    return found


def wrong(db, truth, tables=None):
    """Rows of the database that are not what they should be, and those that lack: up to three a table."""
    found = {}
    for table in tables or KEYS:
        columns = [c["column_name"] for c in db.rows(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s", table)]
        # Python has no infinite dates.
        shown = ["nullif(previous_day, '-infinity') AS previous_day" if c == "previous_day" else c for c in columns]
        have = by_key(table, ({k: NEVER if k == "previous_day" and v is None else v for k, v in row.items()}
                              for row in db.rows(f"SELECT {', '.join(shown)} FROM {table}")))
        want = by_key(table, getattr(truth, table)())
        keys = [k for k in {**have, **want} if have.get(k) != want.get(k)]
        if keys:
            found[table] = [(have.get(k), want.get(k)) for k in keys[:3]]
    return found
