"""Log frames."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flowc_runtime.process.logs import chunks, frame, lines

WRITES = st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.binary(min_size=1)))


@given(WRITES)
def test_every_byte_comes_back_in_order(writes: list[tuple[str, bytes]]) -> None:
    log = b"".join(frame(float(at), stream, data) for at, (stream, data) in enumerate(writes))  # type: ignore[arg-type]
    assert [(chunk.stream, chunk.data) for chunk in chunks(log)] == writes
    assert [chunk.when for chunk in chunks(log)] == list(map(float, range(len(writes))))


@given(WRITES, st.integers(min_value=0))
def test_a_log_that_is_cut_gives_a_prefix(writes: list[tuple[str, bytes]], cut: int) -> None:
    log = b"".join(frame(1.0, stream, data) for stream, data in writes)  # type: ignore[arg-type]
    whole = b"".join(data for _, data in writes)
    assert whole.startswith(b"".join(chunk.data for chunk in chunks(log[: cut % (len(log) + 1)])))


def test_lines_are_put_together_for_each_stream() -> None:
    log = b"".join(
        [
            frame(1, "stdout", b"one\ntw"),
            frame(2, "stderr", b"warn"),
            frame(3, "stdout", b"o\nthree"),
            frame(4, "stderr", b"ing\n"),
        ]
    )
    assert [tuple(line) for line in lines(log)] == [
        (1.0, "stdout", b"one\n"),
        (1.0, "stdout", b"two\n"),
        (2.0, "stderr", b"warning\n"),
        (3.0, "stdout", b"three"),
    ]
    assert [line.data for line in lines(log, "stderr")] == [b"warning\n"]
