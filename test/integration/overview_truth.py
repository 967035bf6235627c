"""A naive reading of what the overview's figures mean: computed again event by event, with exact decimals and
Python's own time zones."""
import collections
import datetime as dt
import decimal
import zoneinfo

UTC = dt.timezone.utc
D = decimal.Decimal
STAGES = ["page_view", "product_view", "add_to_cart", "checkout", "purchase"]
ACTIONS = {*STAGES, "remove_from_cart", "customer_login", "customer_registered"}
DECIMALS = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}


class Truth:
    def __init__(self, events, rates=None, business="UTC", reporting="USD"):
        self.events, self.rates = events, rates or {}
        self.business, self.reporting = zoneinfo.ZoneInfo(business), reporting
        first = {}
        for e in events:
            if e.type == "purchase" and (
                e.order not in first or self.rank(e) < self.rank(first[e.order])
            ):
                first[e.order] = e
        self.orders = list(first.values())

    @staticmethod
    def rank(e):
        return e.at, e.received, e.key

    def minor(self, money):
        return money.quantize(D(1).scaleb(-DECIMALS[self.reporting]), decimal.ROUND_HALF_UP)

    def converted(self, money, order):
        """In the reporting currency, or None without a rate."""
        if order.currency == self.reporting:
            return money
        rate = self.rates.get((order.at.astimezone(self.business).date(), order.currency))
        return None if rate is None else self.minor(money * rate)

    def totals(self, lo, hi):
        orders = [o for o in self.orders if lo <= o.at < hi]
        money = [m for m in (self.converted(o.amount, o) for o in orders) if m is not None]
        return (
            orders,
            money,
            {
                e.customer
                for e in self.events
                if lo <= e.at < hi and e.type in ACTIONS and e.customer
            },
        )

    def categories(self, orders):
        revenue, names = collections.Counter(), collections.defaultdict(set)
        for o in orders:
            for name in {i.get("category") or None for i in o.items or []}:
                names[name].add(o.order)
                gross = sum(
                    i["quantity"] * i["price"]
                    for i in o.items
                    if (i.get("category") or None) == name
                )
                revenue[name] += self.converted(gross, o) or 0
        total = sum(revenue.values())
        rows = [
            {
                "category": n,
                "revenue": float(self.minor(D(revenue[n]))),
                "orders": str(len(ids)),
                "percentage": float(100 * revenue[n] / total) if total else None,
            }
            for n, ids in names.items()
        ]
        return [{k: v for k, v in r.items() if v is not None} for r in rows]

    def sessions(self, lo, hi):
        """(sessions with a funnel event, those with a purchase, those that reached each stage)"""
        seen = collections.defaultdict(list)
        for e in self.events:
            if lo <= e.at < hi and e.session and e.type in STAGES:
                seen[e.session].append(e)
        reached = [0] * len(STAGES)
        for events in seen.values():
            moment = dt.datetime.min.replace(tzinfo=UTC)
            for n, stage in enumerate(STAGES):
                later = [e.at for e in events if e.type == stage and e.at >= moment]
                if not later:
                    break
                moment = min(later)
                reached[n] += 1
        return (
            len(seen),
            sum(any(e.type == "purchase" for e in events) for events in seen.values()),
            reached,
        )

    def trend(self, orders, lo, hi, zone, as_of):
        points, day = [], lo.astimezone(zone).date()
        while day <= (hi - dt.timedelta(microseconds=1)).astimezone(zone).date():
            mine = [o for o in orders if o.at.astimezone(zone).date() == day]
            money = [m for m in (self.converted(o.amount, o) for o in mine) if m is not None]
            points.append(
                {
                    "date": day.isoformat(),
                    "revenue": float(sum(money)),
                    "orders": str(len(mine)),
                    "customers": str(len({o.customer for o in mine if o.customer})),
                    "final": midnight(day + dt.timedelta(days=1), zone) <= as_of,
                }
            )
            day += dt.timedelta(days=1)
        return points

    def overview(self, before, lo, hi, zone, as_of):
        orders, money, active = self.totals(lo, hi)
        orders_before, money_before, active_before = self.totals(before, lo)
        sessions, bought, reached = self.sessions(lo, hi)
        metrics = {
            "totalRevenue": float(sum(money)),
            "totalOrders": str(len(orders)),
            "activeCustomers": str(len(active)),
            "conversionRate": 100 * bought / sessions if sessions else None,
            "revenueGrowth": growth(sum(money), sum(money_before)),
            "orderGrowth": growth(len(orders), len(orders_before)),
            "customerGrowth": growth(len(active), len(active_before)),
            "averageOrderValue": float(self.minor(sum(money) / len(money))) if money else None,
        }
        funnel = [
            {"stage": s, "users": str(n), **({"rate": 100 * n / reached[0]} if reached[0] else {})}
            for s, n in zip(STAGES, reached)
        ]
        return {
            "metrics": {k: v for k, v in metrics.items() if v is not None},
            "revenueTrend": self.trend(orders, lo, hi, zone, as_of),
            "salesByCategory": self.categories(orders),
            "conversionFunnel": {"stages": funnel},
        }


def growth(now, before):
    return float(100 * (D(now) - before) / before) if before else None


def midnight(day, zone):
    return dt.datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def range_before(lo, hi, zone):
    """The start of the range just before."""
    first, after = lo.astimezone(zone).date(), hi.astimezone(zone).date()
    if midnight(first, zone) == lo and midnight(after, zone) == hi:
        return midnight(first - (after - first), zone)
    return lo - (hi - lo)
