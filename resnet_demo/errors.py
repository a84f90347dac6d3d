"""The base of every error whose text is for people, and the one sentence for what Python itself cannot find."""

import errno


class UserError(Exception):
    """What happened and what to do, as one or two sentences: shown as it is, on the page and in a terminal, without a
    trace. Whoever catches this base treats all of them alike."""

    code = 1  # the exit status of a command that ends so; 2 where the call was wrong


def missing_package(error: ImportError) -> str | None:
    """The sentence for a package that is not there or cannot be loaded; None for a module of our own."""
    if (error.name or "").partition(".")[0] == "resnet_demo":
        return None
    return f"A package could not be loaded ({error}). Install them again: pip install -r requirements.txt."


NO_MEMORY = ("can't allocate memory", "out of memory", "ALLOC_FAILED")  # of the CPU, CUDA and MPS, and their libraries


def lacks_memory(error: Exception) -> bool:
    """Whether memory was what it lacked: PyTorch says so by a RuntimeError, of which CUDA's kind is one."""
    return isinstance(error, MemoryError) or any(words in str(error) for words in NO_MEMORY)


def disk_advice(error: OSError) -> str:
    """What a person can do about a file that could not be read or written, by the cause and no other."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "Free disk space"
        case errno.EACCES | errno.EPERM:
            return "Give yourself read and write permission there"
        case errno.EROFS:
            return "Make the disk writable"
        case errno.EMFILE | errno.ENFILE:
            return "Allow more open files (ulimit -n)"
    return "Check the disk and the folder"
