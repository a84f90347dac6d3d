"""Checks that go on where one fails: a table of what holds, what does not, and what each found."""

import time
import traceback
from collections.abc import Callable, Sequence

from benchmarks.gpu.setting import Setting

Check = Callable[[Setting], str]  # what it found, in a few words; raises AssertionError with what is wrong


def run_checks(setting: Setting, checks: Sequence[Check]) -> None:
    """Run all, in this order, as long as there is time. Ends the process with 1 where one failed. `failed` is kept
    after each check, since the process may be killed at its time limit."""
    setting.report("| check | | found | s |")
    setting.report("|---|---|---|---|")
    failed = [check.__name__ for check in checks]  # until shown: what was not shown does not hold
    for check in checks:
        name = (check.__doc__ or check.__name__).partition("\n")[0].rstrip(".")
        if setting.remaining_s <= 0:
            setting.report(f"| {name} | not run | no time was left | |")
            continue
        start = time.perf_counter()
        try:
            result, found = "holds", check(setting)
            failed.remove(check.__name__)
        except Exception as error:  # noqa: BLE001 - the next check is run all the same
            traceback.print_exc()
            result, found = "**FAILED**", one_line(error)
        setting.report(f"| {name} | {result} | {found} | {time.perf_counter() - start:.1f} |")
        setting.keep(failed=failed)
    setting.report()
    if failed:
        raise SystemExit(1)


def one_line(error: Exception) -> str:
    text = f"{type(error).__name__}: {error}".replace("|", "/")
    return " ".join(text.split())[:300]
