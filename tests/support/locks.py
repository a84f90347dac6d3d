"""Another process that holds a lock."""

import subprocess
import sys


def hold(*lock_paths) -> subprocess.Popen:
    """Another process that holds these locks until it is killed."""
    program = (
        "import sys, time; from filelock import FileLock\n"
        "locks = [FileLock(path) for path in sys.argv[1:]]\n"
        "for lock in locks: lock.acquire()\n"
        "print('held', flush=True); time.sleep(600)"
    )
    child = subprocess.Popen([sys.executable, "-c", program, *map(str, lock_paths)], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "held\n"
    return child
