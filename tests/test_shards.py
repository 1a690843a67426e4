"""Shards: which rows are whose."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegen.errors import InputError
from facegen.shards import Shard


@given(st.integers(1, 200), st.data())
def test_shards_have_every_row_once_in_order_and_almost_as_many_rows_each(count: int, data):
    whole = data.draw(st.integers(count, 10**9))
    parts = [Shard(i, count).rows(whole) for i in range(1, count + 1)]
    assert (parts[0].start, parts[-1].stop) == (0, whole)
    assert all(a.stop == b.start for a, b in pairwise(parts))
    sizes = {len(part) for part in parts}
    assert sizes <= {whole // count, whole // count + 1}


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "3/", "/3", "-1/3", "1/3/5", "1/100001", ""])
def test_what_is_no_shard_is_refused(text: str):
    with pytest.raises(InputError, match=r"no shard"):
        Shard.parse(text)


def test_a_shard_is_read_as_it_is_written():
    assert Shard.parse("3/16") == Shard(3, 16)
    assert str(Shard(3, 16)) == "part 3 of 16"


def test_fewer_rows_than_parts_are_refused():
    with pytest.raises(InputError, match="3 rows can't be divided into 4 parts"):
        Shard(1, 4).rows(3)
