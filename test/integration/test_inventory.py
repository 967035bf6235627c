"""GetInventoryAnalytics."""
import pytest

from told_shop import MAY, open_shop

STOCK = "warehouse.inventory.stock_changed"
NORTH_AVERAGE = (10 * 100 + 21 * 40) / 31  # of S1: 100 until May 11, then 40


def stock(shop, at, sku, warehouse, quantity, **data):
    shop.tell(STOCK, at, sku=sku, warehouse_id=warehouse, quantity=quantity, **data)


def sell(shop, order, at, product, quantity):
    shop.order(order, at, items=[{"product_id": product, "quantity": quantity, "price": 1}])


@pytest.fixture(scope="module")
def shop(postgres):
    with open_shop(postgres) as s:
        s.rate("05-21", "EUR", "1.5")
        s.tell("catalog.product.created", "04-01 00:00", product_id="p1", sku="S1", name="Hat", category="hats")
        s.tell("catalog.product.created", "04-01 00:00", product_id="p2", sku="S2", name="Shoe", category="shoes")
        stock(s, "05-11 00:00", "S1", "north", 40, product_id="p1", unit_cost=2, minimum_stock=30, reserved=3.5)
        stock(s, "04-20 00:00", "S1", "north", 100, product_id="p1", unit_cost=9)  # old news
        stock(s, "05-21 00:00", "S1", "south", 10, product_id="p1", unit_cost=0.33, currency="EUR", minimum_stock=40)
        stock(s, "05-01 00:00", "S2", "north", 62, minimum_stock=5)  # whose product the catalogue knows
        stock(s, "05-16 12:00", "S2", "north", 0, minimum_stock=5, unit_cost=7)
        stock(s, "05-30 00:00", "S3", "south", 2, minimum_stock=2, unit_cost=1, currency="GBP")  # nobody knows it
        stock(s, "06-03 00:00", "S4", "south", 8)
        sell(s, "o1", "05-01 00:00", "p1", 11)
        sell(s, "o2", "05-31 23:59", "p1", 20)
        sell(s, "o3", "06-01 00:00", "p1", 1000)
        sell(s, "o4", "05-10 12:00", "p2", 62)
        sell(s, "o5", "05-10 12:00", "never in stock", 5)
        yield s


def test_everything(shop):
    got = shop.ask("inventory", **MAY)
    assert got["metrics"] == {
        "totalProducts": "4",
        "totalStockUnits": "60",
        "totalStockValue": 80 + 4.95,
        "outOfStockProducts": "1",
        "lowStockProducts": "3",
        "averageTurnoverRate": pytest.approx((31 + 62) / (NORTH_AVERAGE + 10 + 31 + 2), rel=1e-12),
    }
    assert got["warehouses"] == [
        {"warehouseId": "north", "totalProducts": "2", "stockUnits": "40", "stockValue": 80, "reservedUnits": "4"},
        {"warehouseId": "south", "totalProducts": "3", "stockUnits": "20", "stockValue": 4.95},
    ]
    assert got["lowStockProducts"] == [
        {"productId": "p2", "name": "Shoe", "sku": "S2", "currentStock": "0", "minimumStock": "5", "daysOfSupply": 0},
        {"productId": "p1", "name": "Hat", "sku": "S1", "currentStock": "50", "minimumStock": "70", "daysOfSupply": 50},
        {"sku": "S3", "currentStock": "2", "minimumStock": "2"},
    ]
    assert got["turnoverAnalysis"] == [
        {"category": "hats", "turnoverRate": pytest.approx(31 / (NORTH_AVERAGE + 10), rel=1e-12), "daysOfSupply": 50,
         "stockValue": 84.95},
        {"category": "shoes", "turnoverRate": 2, "daysOfSupply": 0, "stockValue": 0},
        {"turnoverRate": 0},  # nothing sold, no value known
    ]  # fmt: skip


def test_parts_of_days_and_other_zones(shop):
    # Three local days, two of them cut: half of the stock's time before noon of May 16, half after.
    span = {"startDate": "2025-05-15T12:00:00Z", "endDate": "2025-05-17T12:00:00Z", "categories": ["shoes"]}
    assert shop.ask("inventory", **span)["turnoverAnalysis"][0]["turnoverRate"] == 0
    sold = {**span, "startDate": "2025-05-10T12:00:00Z"}
    hours = 6 * 24 * 62 / (7 * 24)
    assert shop.ask("inventory", **sold)["turnoverAnalysis"][0]["turnoverRate"] == pytest.approx(62 / hours, rel=1e-12)
    after = {**span, "startDate": "2025-05-10T12:01:00Z"}
    assert shop.ask("inventory", **after)["turnoverAnalysis"][0]["turnoverRate"] == 0
    night = {"startDate": "2025-06-01", "endDate": "2025-06-01", "timeZone": "Asia/Kathmandu", "categories": ["hats"]}
    low = shop.ask("inventory", **night)["lowStockProducts"]  # from 18:15 of May 31 on, a day
    assert [p["daysOfSupply"] for p in low] == [50 / 1020]


def test_filters(shop):
    got = shop.ask("inventory", **MAY, warehouseIds=["south", "nowhere"])
    # What the south alone has sold nobody knows.
    assert got["metrics"] == {"totalProducts": "3", "totalStockUnits": "20", "totalStockValue": 4.95,
                              "outOfStockProducts": "0", "lowStockProducts": "2"}  # fmt: skip
    assert [w["warehouseId"] for w in got["warehouses"]] == ["south"]
    assert got["lowStockProducts"] == [
        {"productId": "p1", "name": "Hat", "sku": "S1", "currentStock": "10", "minimumStock": "40"},
        {"sku": "S3", "currentStock": "2", "minimumStock": "2"},
    ]
    assert got["turnoverAnalysis"] == [{"category": "hats", "stockValue": 4.95}]
    every = shop.ask("inventory", **MAY, warehouseIds=["south", "north"])
    assert every == shop.ask("inventory", **MAY)
    got = shop.ask("inventory", **MAY, categories=["shoes"])
    assert got["metrics"]["totalProducts"] == "1" and got["metrics"]["averageTurnoverRate"] == 2
    assert [t["category"] for t in got["turnoverAnalysis"]] == ["shoes"]
    both = shop.ask("inventory", **MAY, categories=["shoes"], warehouseIds=["south"])
    assert both == {
        "metrics": {"totalProducts": "0", "totalStockUnits": "0", "outOfStockProducts": "0", "lowStockProducts": "0"},
        "warehouses": [],
        "lowStockProducts": [],
        "turnoverAnalysis": [],
    }


def test_before_the_first_level_there_is_no_average(shop):
    got = shop.ask("inventory", startDate="2025-03-01", endDate="2025-03-31")
    assert got["metrics"]["totalProducts"] == "4" and "averageTurnoverRate" not in got["metrics"]
    assert not any("turnoverRate" in t or "daysOfSupply" in t for t in got["turnoverAnalysis"])


def test_too_many_values_are_refused(shop):
    a = shop.service.http("GET", "/api/v1/analytics/inventory?" + "&".join(f"warehouseIds={i}" for i in range(101)))
    assert a.status == 400 and "warehouseIds" in a.body.decode()
