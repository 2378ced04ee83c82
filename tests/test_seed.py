from harness.seed import digest, generator, stable_seed


def test_seed_is_the_same_in_every_process() -> None:
    # computed once by hand with hashlib: BLAKE2b-128 of '[1,"a"]', little endian
    import hashlib

    expected = int.from_bytes(hashlib.blake2b(b'[1,"a"]', digest_size=16).digest(), "little")
    assert stable_seed(1, "a") == expected


def test_parts_do_not_run_together() -> None:
    assert stable_seed("a", "bc") != stable_seed("ab", "c")
    assert stable_seed(1) != stable_seed("1")


def test_generators_of_equal_parts_agree() -> None:
    assert generator(7, "clip").random() == generator(7, "clip").random()
    assert generator(7, "clip").random() != generator(7, "clop").random()


def test_digest_ignores_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
