"""A naive reading of what the figures of the answers mean: computed again event by event, with exact decimals and
Python's own time zones."""
import collections
import datetime as dt
import decimal
import zoneinfo

UTC = dt.timezone.utc
D = decimal.Decimal
STAGES = ["page_view", "product_view", "add_to_cart", "checkout", "purchase"]
ACTIONS = {*STAGES, "remove_from_cart", "customer_login", "customer_registered"}
OF_ORDERS = {"purchase", "order_created", "order_cancelled", "order_status_changed"}
NAMING = {"product_view", "add_to_cart", "remove_from_cart", "product_created", "product_updated", "stock_changed"}
DECIMALS = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}
TICK = dt.timedelta(microseconds=1)

Event = collections.namedtuple(
    "Event",
    "at received key type session customer order product amount currency status items properties",
    defaults=(None,) * 9,
)
Line = collections.namedtuple("Line", "order product category brand quantity money price cost gross")


def midnight(day, zone):
    return dt.datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def range_before(lo, hi, zone):
    """The start of the range just before."""
    first, after = lo.astimezone(zone).date(), hi.astimezone(zone).date()
    if midnight(first, zone) == lo and midnight(after, zone) == hi:
        return midnight(first - (after - first), zone)
    return lo - (hi - lo)


def percent(part, whole):
    return float(100 * D(part) / D(whole)) if whole else None


def growth(now, before):
    return percent(D(now) - D(before), before)


def half_up(x, decimals=0):
    return x.quantize(D(1).scaleb(-decimals), decimal.ROUND_HALF_UP)


def given(**fields):
    """A message: what has no data behind it is absent."""
    return {k: v for k, v in fields.items() if v is not None}


def periods(lo, hi, zone, unit):
    """(label, start, end) of the local periods that touch [lo, hi), whole."""
    if unit == "hour":
        return hours(lo, hi, zone)
    day = lo.astimezone(zone).date()
    day -= dt.timedelta(days={"day": 0, "week": day.weekday(), "month": day.day - 1}[unit])
    out = []
    while midnight(day, zone) < hi:
        after = day + dt.timedelta(days={"day": 1, "week": 7, "month": 31}[unit])
        after = after.replace(day=1) if unit == "month" else after
        out.append((day.isoformat(), midnight(day, zone), midnight(after, zone)))
        day = after
    return out


def hours(lo, hi, zone):
    """An hour lasts as long as the local clock shows the same one, with the same offset."""
    quarter = dt.timedelta(minutes=15)

    def shown(t):
        t = t.astimezone(zone)
        return t.replace(minute=0, second=0, microsecond=0, tzinfo=None), t.utcoffset()

    at = lo - (lo - dt.datetime(1970, 1, 1, tzinfo=UTC)) % quarter
    while shown(at - quarter) == shown(at):
        at -= quarter
    out = []
    while at < hi:
        end = at + quarter
        while shown(end) == shown(at):
            end += quarter
        out.append((at.astimezone(zone).isoformat(timespec="seconds"), at, end))
        at = end
    return out


class Truth:
    def __init__(self, events, rates=None, business="UTC", reporting="USD"):
        self.events, self.rates = sorted(events, key=lambda e: (e.at, e.key)), rates or {}
        self.business, self.reporting = zoneinfo.ZoneInfo(business), reporting
        self.decimals = DECIMALS[reporting]
        first, self.status, self.fulfilled, self.created, self.cancelled = {}, {}, {}, {}, {}
        for e in self.events:
            if e.type in OF_ORDERS:
                self.status[e.order] = e.status
            if e.type == "purchase":
                first.setdefault(e.order, e)
            elif e.type == "fulfillment_status_changed" and e.status == "COMPLETED":
                self.fulfilled.setdefault(e.order, e.at)
            elif e.type == "order_created":
                self.created.setdefault(e.order, e.at)
            elif e.type == "order_cancelled":
                self.cancelled.setdefault(e.order, e.at)
        self.by_id = first
        self.orders = list(first.values())
        self.money = {o.order: self.converted(o.amount, o.currency, o.at) for o in self.orders}
        self.lines = {o.order: [self.line(o, i) for i in o.items or []] for o in self.orders}
        self.steps = [e for e in self.events if e.session and e.type in STAGES]
        self.acts = [e for e in self.events if e.customer and e.type in ACTIONS]
        self.by_sku = {}
        self.products = self.names()

    def minor(self, money):
        return half_up(money, self.decimals)

    def rate(self, currency, at):
        if currency in (None, self.reporting):
            return D(1)
        return self.rates.get((at.astimezone(self.business).date(), currency))

    def converted(self, money, currency, at):
        """In the reporting currency, or None without a rate."""
        rate = self.rate(currency, at)
        return None if rate is None else self.minor(money * rate)

    def line(self, o, i):
        price, cost = (
            None if i.get(k) is None else self.converted(i["quantity"] * i[k], o.currency, o.at) for k in ("price", "cost")
        )
        counted = i.get("cost") is not None and price is not None
        return Line(
            o.order, i["product_id"], i.get("category") or None, i.get("brand") or None, i["quantity"], price,
            price if counted else D(0), cost if counted else D(0), i["quantity"] * i["price"],
        )  # fmt: skip

    def names(self):
        """{product: {attribute: its latest name}}, of equal times the greatest."""
        known = collections.defaultdict(dict)

        def name(product, at, source):
            known[product].update()
            for k in ("name", "sku", "category", "brand"):
                if source.get(k) is not None:
                    known[product][k] = max(known[product].get(k, (at, "")), (at, source[k]))

        for e in self.events:
            if e.product and e.type in NAMING:
                name(e.product, e.at, e.properties or {})
            for i in (e.items or []) if e.type == "purchase" else []:
                name(i["product_id"], e.at, {**i, "name": None})
        # A sku is the product's that was named so last; of equal times the least.
        for p, names in sorted(known.items(), key=lambda x: x[0], reverse=True):
            at, sku = names.get("sku", (None, None))
            if sku is not None and at >= self.by_sku.get(sku, (at, p))[0]:
                self.by_sku[sku] = at, p
        return {p: {k: v[1] for k, v in names.items()} for p, names in known.items()}

    # -- sums ----------------------------------------------------------------------------------------------------------
    def sold(self, lo, hi):
        return [o for o in self.orders if lo <= o.at < hi]

    def revenue_of(self, orders):
        return sum((m for m in (self.money[o.order] for o in orders) if m is not None), D(0))

    def average(self, orders):
        money = [m for m in (self.money[o.order] for o in orders) if m is not None]
        return float(half_up(sum(money) / len(money), self.decimals)) if money else None

    def active(self, lo, hi):
        return {e.customer for e in self.acts if lo <= e.at < hi}

    def sessions(self, lo, hi):
        """(sessions with a funnel event, those with a purchase, those that reached each stage)"""
        seen = collections.defaultdict(list)
        for e in self.steps:
            if lo <= e.at < hi:
                seen[e.session].append(e)
        reached = [0] * len(STAGES)
        for events in seen.values():
            moment = lo
            for n, stage in enumerate(STAGES):
                later = [e.at for e in events if e.type == stage and e.at >= moment]
                if not later:
                    break
                moment = min(later)
                reached[n] += 1
        return len(seen), sum(any(e.type == "purchase" for e in events) for events in seen.values()), reached

    def points(self, orders, lo, hi, zone, unit, as_of, figures):
        return [
            {"date": label, **figures([o for o in orders if a <= o.at < b]), "final": b <= as_of}
            for label, a, b in periods(lo, hi, zone, unit)
        ]

    @staticmethod
    def ranked(lines, key):
        """[(key, revenue, distinct orders, units)], the most revenue first."""
        money, ids, units = collections.Counter(), collections.defaultdict(set), collections.Counter()
        for x in lines:
            k = getattr(x, key)
            money[k] += x.money or 0
            units[k] += x.quantity
            ids[k].add(x.order)
        rows = [(k, D(money[k]), len(ids[k]), D(units[k])) for k in ids]
        return sorted(rows, key=lambda r: (-r[1], -r[2], r[0] is None, r[0] or ""))

    # -- answers -------------------------------------------------------------------------------------------------------
    def overview(self, before, lo, hi, zone, as_of):
        orders, earlier = self.sold(lo, hi), self.sold(before, lo)
        revenue, active = self.revenue_of(orders), len(self.active(lo, hi))
        sessions, bought, reached = self.sessions(lo, hi)
        ranked = self.ranked([x for o in orders for x in self.lines[o.order]], "category")
        total = sum(r[1] for r in ranked)
        return {
            "metrics": given(
                totalRevenue=float(revenue),
                totalOrders=str(len(orders)),
                activeCustomers=str(active),
                conversionRate=percent(bought, sessions),
                revenueGrowth=growth(revenue, self.revenue_of(earlier)),
                orderGrowth=growth(len(orders), len(earlier)),
                customerGrowth=growth(active, len(self.active(before, lo))),
                averageOrderValue=self.average(orders),
            ),
            "revenueTrend": self.points(orders, lo, hi, zone, "day", as_of, self.point),
            "salesByCategory": [
                given(category=k, revenue=float(m), orders=str(n), percentage=percent(m, total)) for k, m, n, _ in ranked
            ],
            "conversionFunnel": {
                "stages": [given(stage=s, users=str(n), rate=percent(n, reached[0])) for s, n in zip(STAGES, reached)]
            },
        }

    def point(self, orders):
        return {
            "revenue": float(self.revenue_of(orders)),
            "orders": str(len(orders)),
            "customers": str(len({o.customer for o in orders if o.customer})),
        }

    def top(self, lines, key):
        ranked = self.ranked(lines, key)
        total = sum(r[1] for r in ranked)
        name = (lambda k: self.products[k].get("name")) if key == "product" else (lambda k: k)
        return [
            given(id=k, name=name(k), revenue=float(m), orders=str(n), unitsSold=float(u), percentage=percent(m, total))
            for k, m, n, u in ranked[:10]
        ]

    def revenue(self, before, lo, hi, zone, as_of, unit="day", categories=(), brands=()):
        orders, days = self.sold(lo, hi), len(periods(lo, hi, zone, "day"))
        of_items = bool(categories or brands)

        def mine(o):
            return [
                x for x in self.lines[o.order]
                if (not categories or (x.category or "") in categories) and (not brands or (x.brand or "") in brands)
            ]  # fmt: skip

        def money(some):
            if not of_items:
                return self.revenue_of(some)
            return sum((x.money for o in some for x in mine(o) if x.money is not None), D(0))

        if of_items:
            orders = [o for o in orders if mine(o)]
        lines = [x for o in orders for x in mine(o)]
        revenue, priced = money(orders), [o for o in orders if self.money[o.order] is not None]
        refunds = sum(
            (m for m in (self.refund(e) for e in self.events if e.type == "payment_refunded" and lo <= e.at < hi) if m is not None),
            D(0),
        )
        margin = sum(x.price for x in lines), sum(x.cost for x in lines)
        excluded = collections.defaultdict(list)
        for o in orders:
            if self.money[o.order] is None:
                excluded[o.currency].append(sum(x.gross for x in mine(o)) if of_items else o.amount)
        return {
            "dataPoints": self.points(
                orders, lo, hi, zone, unit, as_of, lambda some: {**self.point(some), "revenue": float(money(some))}
            ),
            "summary": given(
                totalRevenue=float(revenue),
                refunds=None if of_items else float(refunds),
                netRevenue=None if of_items else float(revenue - refunds),
                itemRevenue=float(sum((x.money for x in lines if x.money is not None), D(0))),
                averageDailyRevenue=float(half_up(revenue / days, self.decimals)),
                revenueGrowth=growth(revenue, money(self.sold(before, lo))),
                grossMargin=percent(margin[0] - margin[1], margin[0]),
                totalTransactions=str(len(priced)),
            ),
            "topProducts": self.top(lines, "product"),
            "topCategories": self.top(lines, "category"),
            "excluded": [
                {"currency": c, "amount": float(sum(a)), "orders": str(len(a))} for c, a in sorted(excluded.items())
            ],
        }

    def refund(self, e):
        """By the rate of its order's day."""
        order = self.by_id.get(e.order)
        return self.converted(e.amount, e.currency, order.at if order else e.at)

    def order_report(self, before, lo, hi, zone, as_of, statuses=()):
        def mine(orders):
            return [o for o in orders if not statuses or self.status[o.order] in statuses]

        orders, earlier = mine(self.sold(lo, hi)), mine(self.sold(before, lo))
        counts = collections.Counter(self.status[o.order] for o in orders)
        pending = [
            i for i, at in self.created.items()
            if lo <= at < hi and i not in self.by_id and i not in self.cancelled
            and (not statuses or self.status[i] in statuses)
        ]  # fmt: skip
        took = [
            (self.fulfilled[o.order] - o.at).total_seconds() / 3600
            for o in mine(self.orders) if o.order in self.fulfilled and lo <= self.fulfilled[o.order] < hi
        ]  # fmt: skip
        done = sum(o.order in self.fulfilled for o in orders)
        open_ = sum(o.order not in self.fulfilled and self.status[o.order] != "CANCELLED" for o in orders)
        return {
            "metrics": given(
                totalOrders=str(len(orders)),
                averageOrderValue=self.average(orders),
                orderGrowth=growth(len(orders), len(earlier)),
                pendingOrders=str(len(pending)),
                completedOrders=str(counts["DELIVERED"] + counts["COMPLETED"]),
                cancelledOrders=str(counts["CANCELLED"]),
                cancellationRate=percent(counts["CANCELLED"], len(orders)),
            ),
            "statusDistribution": [
                {"status": s, "count": str(n), "percentage": percent(n, len(orders))}
                for s, n in sorted(counts.items(), key=lambda x: (-x[1], x[0]))
            ],
            "trendData": self.points(
                orders, lo, hi, zone, "day", as_of,
                lambda some: given(orders=str(len(some)), averageValue=self.average(some)),
            ),  # fmt: skip
            "fulfillment": given(
                fulfillmentRate=percent(done, len(orders)),
                averageFulfillmentTimeHours=sum(took) / len(took) if took else None,
                pendingFulfillment=str(open_),
            ),
        }

    def levels(self):
        """{product: units}: the latest level of each sku in each warehouse."""
        latest = {}
        for e in self.events:
            if e.type == "stock_changed":
                latest[e.properties["sku"], e.properties["warehouse_id"]] = e
        out = collections.Counter()
        for e in latest.values():
            out[e.product or self.by_sku.get(e.properties["sku"], (None, None))[1]] += D(e.properties["quantity"])
        return out

    def product_report(self, lo, hi, limit=20, sort_by="revenue", categories=()):
        views, adds = collections.Counter(), collections.Counter()
        for e in self.events:
            if e.product and lo <= e.at < hi:
                views[e.product] += e.type == "product_view"
                adds[e.product] += e.type == "add_to_cart"
        lines = [x for o in self.sold(lo, hi) for x in self.lines[o.order]]
        ranked, levels, rows = {r[0]: r for r in self.ranked(lines, "product")}, self.levels(), []
        for p, names in self.products.items():
            if categories and (names.get("category") or "") not in categories:
                continue
            _, money, orders, units = ranked.get(p, (p, D(0), 0, D(0)))
            price = sum(x.price for x in lines if x.product == p)
            cost = sum(x.cost for x in lines if x.product == p)
            rate = percent(orders, views[p])
            key = {"revenue": money, "units": units, "views": views[p], "conversion": -1 if rate is None else rate}
            rows.append((
                (-key[sort_by], -money, -units, -views[p], p), orders,
                given(
                    productId=p, **names, revenue=float(money), unitsSold=str(half_up(units)), views=str(views[p]),
                    cartAdds=str(adds[p]), conversionRate=rate,
                    popularityScore=float(views[p] + 3 * adds[p] + 10 * units),
                    stockLevel=str(half_up(levels[p])) if p in levels else None, margin=percent(price - cost, price),
                ),
            ))  # fmt: skip
        rates = [r["conversionRate"] for _, _, r in rows if "conversionRate" in r]
        return {
            "products": [r for _, _, r in sorted(rows, key=lambda x: x[0])[:limit]],
            "summary": given(
                totalProducts=str(len(rows)),
                productsSold=str(sum(n > 0 for _, n, _ in rows)),
                outOfStock=str(sum(levels[r["productId"]] <= 0 for _, _, r in rows if r["productId"] in levels)),
                averageConversionRate=sum(rates) / len(rates) if rates else None,
            ),
        }
