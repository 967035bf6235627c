"""Large requests are taken one after another, in rounds: none waits for the end of all the others."""
import concurrent.futures as cf

from fixture import events as shop
from fixture.service import tally


def test_each_has_a_batch_of_its_own(launch, db):
    service = launch(db, projector=0, jobs=0)
    pairs = [[[shop.page_view() for _ in range(1000)] for _ in range(2)] for _ in range(5)]
    with cf.ThreadPoolExecutor(2) as pool:
        for pair in pairs:
            assert set(map(tally, pool.map(service.publish, pair))) == {(1000, 0, 0)}
    assert service.metric("batch_size_sum") == 10_000
    assert service.metric("batch_size_count") == 10


def test_a_smaller_one_does_not_come_last(launch, db):
    service = launch(db, projector=0, jobs=0)
    ended = []

    def publish(events):
        assert tally(service.publish(events)) == (len(events), 0, 0)
        ended.append(len(events))

    sizes = [5000, 5000, 5000, 300]
    requests = [[shop.page_view() for _ in range(n)] for n in sizes]
    with cf.ThreadPoolExecutor(len(sizes)) as pool:
        list(pool.map(publish, requests))
    assert sorted(ended) == sorted(sizes)
    assert ended[-1] != 300
