import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.clip import Clip, Origin
from harness.data.clip_list import Listing, clips_digest
from harness.data.source import open_source
from harness.data.subset import CompanionPool, allocate, limited
from harness.engine.prepare import Recipe, prepare
from harness.errors import UsageError
from harness.suite.suite import load_suite
from tests.support.data_layout import record, write

SIZES = st.lists(st.integers(0, 60), min_size=1, max_size=12).filter(any)


def listing(counts, groups=1000):
    """A source with so many clips of each (label, generator)."""
    clips = tuple(
        Clip(f"{label}/{name}/{i:03d}", label, b"", generator=name, group=f"{label}{i % groups}")
        for (label, name), count in counts.items()
        for i in range(count)
    )
    return Listing(Origin("x", "folder", "x", clips_digest(clips)), clips)


@given(SIZES, st.integers(0, 400))
def test_every_place_is_given_and_none_that_is_not_there(sizes, limit):
    shares = allocate(sizes, limit)
    assert sum(shares) == min(limit, sum(sizes))
    assert all(0 <= share <= size for share, size in zip(shares, sizes, strict=True))


@given(SIZES, st.integers(0, 400))
def test_every_stratum_is_seen_where_there_is_room(sizes, limit):
    strata = sum(size > 0 for size in sizes)
    if limit >= strata:
        shares = allocate(sizes, limit)
        assert all(share >= 1 for share, size in zip(shares, sizes, strict=True) if size)


@given(SIZES, st.integers(1, 400))
def test_shares_are_within_one_of_proportional_where_all_are_large(sizes, limit):
    total = sum(sizes)
    limit = min(limit, total)
    quotas = [limit * size / total for size in sizes]
    if all(quota >= 1 for quota in quotas if quota):
        pairs = zip(allocate(sizes, limit), quotas, strict=True)
        assert all(abs(share - quota) < 1 for share, quota in pairs)


@pytest.mark.parametrize(
    ("sizes", "limit", "shares"),
    [
        ([50, 50], 10, [5, 5]),
        ([70, 20, 10], 10, [7, 2, 1]),
        ([5, 3, 2], 4, [2, 1, 1]),  # quotas 2, 1.2, 0.8: the last has one, the others share 3
        ([98, 1, 1], 10, [8, 1, 1]),  # quotas 9.8, 0.1, 0.1
        ([10, 10, 10], 2, [1, 1, 0]),
        ([3, 0, 1], 9, [3, 0, 1]),
    ],
)
def test_shares_worked_out_by_hand(sizes, limit, shares):
    assert allocate(sizes, limit) == shares


def test_a_limit_is_stratified_by_label_and_generator_and_keeps_the_order():
    whole = listing({("fake", "a"): 60, ("fake", "b"): 15, ("fake", "c"): 1, ("real", ""): 24})
    some = limited(whole, 20, seed=3)
    taken = Counter((clip.label, clip.generator) for clip in some)
    # 76 fakes of 100 have 15 of 20 places; c has one of them, and a and b share 14 as 60 to 15.
    assert taken == {("fake", "a"): 11, ("fake", "b"): 3, ("fake", "c"): 1, ("real", ""): 5}
    places = [whole.clips.index(clip) for clip in some]
    assert places == sorted(places)
    assert len(some) == 20
    assert list(some) == list(some)


def test_the_same_seed_takes_the_same_clips_and_another_takes_others():
    whole = listing({("fake", "a"): 100, ("real", ""): 100})
    assert list(limited(whole, 30, 1)) == list(limited(whole, 30, 1))
    assert list(limited(whole, 30, 1)) != list(limited(whole, 30, 2))
    assert set(limited(whole, 30, 1)) < set(limited(whole, 60, 1))


def permuted(whole, seed):
    order = np.random.default_rng(seed).permutation(len(whole))
    return Listing(whole.origin, tuple(whole.clips[i] for i in order))


@given(st.integers(0, 2**32 - 1), st.integers(2, 60))
def test_no_order_of_the_source_moves_what_is_drawn(order, limit):
    whole = listing({("fake", "a"): 30, ("fake", "b"): 7, ("real", ""): 25}, groups=20)
    other = permuted(whole, order)
    assert set(limited(other, limit, 1)) == set(limited(whole, limit, 1))
    assert limited(other, limit, 1).origin.digest == limited(whole, limit, 1).origin.digest
    pools = [CompanionPool(source, 16, seed=2) for source in (whole, other)]
    assert pools[0].clips == pools[1].clips
    for clip in whole.clips[::9]:
        chosen = [pool.choose(clip, np.random.default_rng(3), 5) for pool in pools]
        assert chosen[0] == chosen[1]


def test_a_manifest_of_permuted_rows_gives_the_same_audio(tmp_path):
    rows = []
    for number in range(24):
        label = "fake" if number % 3 == 0 else "real"
        record(tmp_path / f"{number:02d}.wav", seconds=0.3 + number / 50)
        rows.append(f"{number:02d}.wav,{label},s{number // 2}")
    babble = load_suite("noise").condition("noise:babble@10dB")
    heard = {}
    for name in ("straight", "permuted"):
        shuffled = rows if name == "straight" else rows[7:] + rows[:7][::-1]
        source = open_source(str(write(tmp_path / f"{name}.csv", "path,label,speaker", *shuffled)))
        recipe = Recipe(5, (16000,), {}, CompanionPool(source, 8, seed=5))
        for clip in limited(source, 8, seed=5):
            [prepared] = prepare(clip, [babble], recipe)
            assert prepared.status == "ok"
            heard.setdefault(clip.clip_id, []).append(prepared.waves[16000].samples.tobytes())
    assert len(heard) == 8
    assert all(len(both) == 2 and both[0] == both[1] for both in heard.values())
    assert len({both[0] for both in heard.values()}) == 8


def test_the_origin_says_that_it_is_a_part():
    whole = listing({("fake", "a"): 10, ("real", ""): 10})
    some = limited(whole, 6, 1)
    assert some.origin.digest == clips_digest(list(some)) != whole.origin.digest
    assert some.origin.notes == (
        "6 of 20 clips, stratified by label and generator, seed 1; "
        f"digest of the whole {whole.origin.digest}",
    )
    assert limited(whole, 20, 1) is whole


def test_generators_without_a_clip_are_counted():
    whole = listing({("fake", name): 10 for name in "abc"} | {("real", ""): 30})
    (note,) = limited(whole, 4, 1).origin.notes
    assert "; no clip of 1 of 3 generators, such as " in note
    assert "no clip of" not in limited(whole, 6, 1).origin.notes[0]


def test_more_generators_than_places_are_not_taken_by_the_alphabet():
    counts = {("fake", f"g{i:02d}"): 5 for i in range(30)} | {("real", ""): 30}
    seen = [{clip.generator for clip in limited(listing(counts), 12, seed)} for seed in range(4)]
    assert all(len(names - {""}) == 10 for names in seen)
    assert len(set.union(*seen)) > 15


def test_a_limit_without_room_for_both_classes_is_refused():
    with pytest.raises(UsageError, match=r"--limit: 1 clips cannot show both classes; take 2"):
        limited(listing({("fake", "a"): 3, ("real", ""): 3}), 1, 0)
    two = limited(listing({("fake", "a"): 99, ("real", ""): 1}), 2, 0)
    assert {clip.label for clip in two} == {"real", "fake"}


def test_companions_are_real_clips_of_other_groups():
    whole = listing({("fake", "a"): 40, ("real", ""): 200}, groups=10)
    pool = pickle.loads(pickle.dumps(CompanionPool(whole, seed=5)))
    clip = whole.clips[-1]
    chosen = pool.choose(clip, np.random.default_rng(0), 8)
    assert chosen == pool.choose(clip, np.random.default_rng(0), 8)
    assert len(set(chosen)) == 8
    assert all(other.label == "real" and other.group != clip.group for other in chosen)
    assert chosen != pool.choose(clip, np.random.default_rng(1), 8)
    assert len(pool.clips) == 64
    assert max(Counter(other.group for other in pool.clips).values()) <= 16


def test_companions_are_fakes_only_where_real_ones_do_not_suffice():
    whole = listing({("fake", "a"): 5, ("real", ""): 3}, groups=1000)
    pool = CompanionPool(whole)
    real, fake = whole.clips[-1], whole.clips[0]
    chosen = pool.choose(real, np.random.default_rng(0), 4)
    assert [other.label for other in chosen] == ["real", "real", "fake", "fake"]
    assert len(pool.choose(fake, np.random.default_rng(0), 99)) == 7
    assert pool.choose(fake, np.random.default_rng(0), 0) == []


def test_a_source_that_is_only_iterable_can_be_limited():
    inner = listing({("fake", "a"): 9, ("real", ""): 9})

    class Plain:
        origin = inner.origin

        def __iter__(self):
            return iter(inner.clips)

        def __len__(self):
            return len(inner.clips)

    assert list(limited(Plain(), 4, 1)) == list(limited(inner, 4, 1))
    assert CompanionPool(Plain()).clips == CompanionPool(inner).clips
