"""Everything that an attribute, a name or a time can be."""

from hypothesis import strategies as st

INT64 = st.integers(-(2**63), 2**63 - 1)
UINT64 = st.integers(0, 2**64 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2000, 2000),
    INT64,
    st.floats(),
    st.sampled_from([0.0, -0.0]),
    TEXT,
    st.binary(max_size=200),
)
EXPORTABLES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4).map(tuple) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
ATTRIBUTES = st.none() | st.dictionaries(TEXT, EXPORTABLES, max_size=6)
TRACE_IDS = st.integers(1, 2**128 - 1)
SPAN_IDS = st.integers(1, 2**64 - 1)
STATES = st.lists(
    st.tuples(st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True), st.just("v")),
    max_size=3,
    unique_by=lambda pair: pair[0],
)
