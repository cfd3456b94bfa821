"""Threads that share the decoding of a picture: the picture stays the same, and so does torch's number of threads."""

import threading

import pytest
import torch

from ipe_sr.models import EDSRConfig, LIIFConfig
from ipe_sr.models.fast import workers

CPU = torch.device("cpu")
PIECES = [(slice(i, i + 1), slice(0, 1)) for i in range(5)]


@pytest.fixture
def threads():
    """threads(n) sets torch's number of threads. It is restored after the test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_picture_does_not_depend_on_the_number_of_threads(threads, mode):
    torch.manual_seed(0)
    model = LIIFConfig(width=16, encoder=EDSRConfig(blocks=1, channels=4)).build().eval()
    made = []
    for n in (1, 2, 3):
        threads(n)
        with mode():
            made.append(model(torch.linspace(0, 1, 3 * 40 * 41).view(1, 3, 40, 41), (93, 117)))
        assert torch.get_num_threads() == n
    assert torch.equal(made[0], made[1]) and torch.equal(made[0], made[2])


def seen(threads, n, grad=False):
    """For each call of the work function: its pieces, its thread, and (number of threads, gradients on, inference mode)."""
    threads(n)
    calls = []

    def work(pieces):
        state = torch.get_num_threads(), torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        calls.append((pieces, threading.get_ident(), state))

    with torch.set_grad_enabled(grad):
        workers.share(work, PIECES, CPU)
    return sorted(calls, key=lambda call: call[0][0][0].start)


def test_each_thread_gets_neighbouring_pieces_and_one_torch_thread(threads):
    calls = seen(threads, 2)
    assert [piece for pieces, _, _ in calls for piece in pieces] == PIECES and len(calls) == 2
    assert all(thread != threading.get_ident() and state == (1, False, False) for _, thread, state in calls)
    assert torch.get_num_threads() == 2
    assert len(seen(threads, 8)) == len(PIECES), "there are no more calls than pieces"


def test_with_gradients_or_one_thread_the_caller_does_all_the_work(threads):
    for n, grad in ((2, True), (1, False)):
        (call,) = seen(threads, n, grad)
        assert call[:2] == (PIECES, threading.get_ident())


def test_an_error_in_a_thread_is_raised_and_the_number_of_threads_restored(threads):
    threads(2)

    def work(pieces):
        if PIECES[-1] in pieces:
            raise MemoryError("a tile")

    with torch.no_grad(), pytest.raises(MemoryError, match="a tile"):
        workers.share(work, PIECES, CPU)
    assert torch.get_num_threads() == 2
