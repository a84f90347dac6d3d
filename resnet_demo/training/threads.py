"""By how many threads PyTorch computes on the CPU, where that is not the process's number."""

from concurrent.futures import ThreadPoolExecutor

import torch


def thread_computing_with(threads: int, name: str) -> ThreadPoolExecutor:
    """A thread of its own, what is computed in which is computed by so many.

    torch keeps the number for each thread; one that is used for the first time takes the one that was set last, which
    is therefore put back at once.
    """
    before = torch.get_num_threads()
    alone = ThreadPoolExecutor(1, name)
    alone.submit(torch.get_num_threads).result()  # the first use: from here on the thread keeps its own number
    alone.submit(torch.set_num_threads, threads).result()
    torch.set_num_threads(before)
    return alone
