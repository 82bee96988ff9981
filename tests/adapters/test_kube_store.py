"""A store never goes back in time, whatever order lists, events and own writes arrive in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.adapters.kube.cache.store import ObjectCache, Odd, is_older
from ingress_canary.adapters.kube.client.errors import Garbled
from ingress_canary.domain.objects.metadata import Key

KEY = Key("shop", "checkout")


def body(version, uid="a", name="checkout", **spec):
    meta = {"namespace": "shop", "name": name, "uid": uid, "resourceVersion": str(version)}
    return {"metadata": meta, "spec": spec}


def everything(_key):
    return True


@pytest.fixture
def store():
    return ObjectCache(lambda one: one, {"host": lambda one: one["spec"].get("hosts", ())})


def put(store, *args, **kwargs):
    store.put(store.entry(body(*args, **kwargs)))


def held(store, key=KEY):
    one = store.get(key)
    return one and (one["metadata"]["uid"], one["metadata"]["resourceVersion"])


@pytest.mark.parametrize(
    ("version", "than", "older"),
    [
        ("9", "10", True),
        ("10", "9", False),
        ("9", "9", False),
        ("x9", "9", False),
        ("9", "", False),
        ("1" * 30, "2", False),
    ],
)
def test_versions_are_compared_as_numbers_where_they_are_numbers(version, than, older):
    assert is_older(version, than) is older


def test_an_older_version_never_replaces_a_newer_one(store):
    put(store, 10)
    put(store, 9)
    store.replace([store.entry(body(8))], "11", everything)
    assert held(store) == ("a", "10")


def test_versions_that_cannot_be_compared_are_taken_as_they_come(store):
    put(store, "x10")
    put(store, "x9")
    assert held(store) == ("a", "x9")


def test_a_list_removes_what_it_lacks_but_not_what_is_newer_or_beyond_its_reach(store):
    put(store, 5, name="old")
    put(store, 12, name="newer")
    put(store, 5, name="elsewhere")
    store.replace([], "11", lambda key: key.name != "elsewhere")
    names = {key.name for key in (*store.keys(),)}
    assert names == {"elsewhere", "newer"}


def test_a_late_deletion_of_a_predecessor_leaves_its_successor(store):
    put(store, 12, uid="b")
    store.remove(store.entry(body(11, uid="a")))
    assert held(store) == ("b", "12")


def test_a_deletion_removes_also_a_predecessor_that_is_still_held(store):
    put(store, 5, uid="a")
    store.remove(store.entry(body(11, uid="b")))
    assert held(store) is None


def test_what_was_deleted_is_not_brought_back_by_a_late_event_or_list(store):
    put(store, 10)
    store.bury(KEY, "a")
    put(store, 11)
    store.replace([store.entry(body(11))], "12", everything)
    assert held(store) is None
    put(store, 13, uid="b")
    assert held(store) == ("b", "13")


def test_a_restored_cluster_is_believed(store):
    put(store, 10)
    store.bury(KEY, "a")
    put(store, 11, name="other")
    store.reset(everything)
    store.replace([store.entry(body(3))], "4", everything)
    assert held(store) == ("a", "3")
    assert store.keys() == [KEY]


def test_indexes_follow_the_objects(store):
    put(store, 1, hosts=["a", "b"])
    put(store, 2, uid="c", name="two", hosts=["b"])
    assert [len(store.by("host", host)) for host in "abc"] == [1, 2, 0]
    put(store, 3, hosts=["c"])
    assert [len(store.by("host", host)) for host in "abc"] == [0, 1, 1]
    store.replace([], "9", everything)
    assert [len(store.by("host", host)) for host in "abc"] == [0, 0, 0]


def test_listeners_hear_of_each_change_once(store):
    heard = []
    store.listen(lambda before, after: heard.append((before and before["spec"], after and after["spec"])))
    put(store, 1, x=1)
    put(store, 1, x=1)
    put(store, 2, x=2)
    store.remove(store.entry(body(3)))
    store.remove(store.entry(body(3)))
    assert heard == [(None, {"x": 1}), ({"x": 1}, {"x": 2}), ({"x": 2}, None)]


@pytest.mark.parametrize(
    "odd",
    [
        *(None, [], "x", {}, {"metadata": None}, {"metadata": []}, {"metadata": {}}),
        {"metadata": {"resourceVersion": 5}},
        {"metadata": {"resourceVersion": "5", "name": "x"}},
        {"metadata": {"resourceVersion": "5", "uid": "x"}},
    ],
)
def test_json_that_is_no_object_is_reported_as_none(store, odd):
    with pytest.raises(Garbled):
        store.entry(odd)


def test_an_object_that_no_view_can_be_made_of_is_odd():
    with pytest.raises(Odd, match="shop/checkout: AttributeError"):
        ObjectCache(lambda one: one["spec"].nothing).entry(body(1))


@given(
    deletions=st.lists(st.booleans(), min_size=1, max_size=8),
    order=st.randoms(use_true_random=False),
    lists=st.sets(st.integers(0, 7)),
)
def test_in_whatever_order_the_history_of_a_name_arrives_its_last_state_is_held(deletions, order, lists):
    # Each step of the history writes the name's object, or deletes it, so that the next one is another object.
    store = ObjectCache(lambda one: one)
    history, uid, alive = [], 0, False
    arrivals = []
    for version, deletes in enumerate(deletions, start=1):
        if deletes and alive:
            alive = False
            arrivals.append((store.remove, store.entry(body(version, uid=f"uid-{uid}"))))
        else:
            uid, alive = (uid, True) if alive else (uid + 1, True)
            arrivals.append((store.put, store.entry(body(version, uid=f"uid-{uid}"))))
        history.append((str(version), [store.entry(body(version, uid=f"uid-{uid}"))] if alive else []))

    def relist(state):
        version, entries = state
        store.replace(entries, version, everything)

    arrivals += [(relist, history[at]) for at in lists if at < len(history)]
    order.shuffle(arrivals)
    for apply, arrived in [*arrivals, (relist, history[-1])]:
        apply(arrived)
    assert held(store) == ((f"uid-{uid}", history[-1][0]) if alive else None)
