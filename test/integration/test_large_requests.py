"""Large requests that come together do not wait for each other's end."""
import concurrent.futures as cf

from fixture import events as shop
from fixture.service import tally


def test_each_has_a_batch_of_its_own(launch, db):
    service = launch(db, projector=0, jobs=0)
    pairs = [[[shop.page_view() for _ in range(500)] for _ in range(2)] for _ in range(10)]
    with cf.ThreadPoolExecutor(2) as pool:
        for pair in pairs:
            assert set(map(tally, pool.map(service.publish, pair))) == {(500, 0, 0)}
    assert service.metric("batch_size_sum") == 10_000
    assert service.metric("batch_size_count") == 20
