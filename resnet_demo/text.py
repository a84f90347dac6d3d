"""Numbers in words and names that can be shown, for the page and for a terminal. Of the project it imports the
language alone."""

import re
from collections import Counter
from collections.abc import Iterable
from unicodedata import combining, east_asian_width, normalize

from resnet_demo.language import ENGLISH, current_language, t


def percent(share: float | None) -> str:
    """0.873 -> '87.3 %'."""
    return "–" if share is None else f"{100 * share:.1f} %"


def loss(value: float | None) -> str:
    """1.2041 -> '1.204'; None is what was no number."""
    return "–" if value is None else f"{value:.3f}"


def columns(text: str) -> int:
    """How many columns of a terminal a text takes: a Chinese letter two, an accent over the one before it none."""
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def duration(seconds: float | None) -> str:
    """250 -> '4 min 10 s'; from an hour on without seconds."""
    if seconds is None:
        return "–"
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return t("{hours} h {minutes} min", hours=hours, minutes=f"{minutes:02}")
    if minutes:
        return t("{minutes} min {seconds} s", minutes=minutes, seconds=f"{whole % 60:02}")
    return t("{seconds} s", seconds=whole)


def rough_duration(seconds: float) -> str:
    """Of an estimate, 731 -> '12 min'; below two minutes to ten seconds."""
    if seconds < 115:
        return duration(max(10, 10 * round(seconds / 10)))
    return whole_minutes(60 * round(seconds / 60))


def whole_minutes(seconds: float) -> str:
    """250 -> '4 min', and never less than one."""
    return duration(seconds) if seconds >= 3600 else t("{minutes} min", minutes=max(1, int(seconds // 60)))


def rate(images_per_s: float | None) -> str:
    """172.6 -> '173 images/s'."""
    if images_per_s is None:
        return "–"
    return t("{rate} images/s", rate=f"{images_per_s:.3g}" if images_per_s < 100 else f"{images_per_s:,.0f}")


def plural(count: int, noun: str) -> str:
    """'1 step', '1,400 steps'. Chinese knows no plural, but a measure word: in the table 'steps' has it."""
    if current_language() != ENGLISH:
        return f"{count:,} {t(f'{noun}s')}"
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size(count: float) -> str:
    """Bytes: 1_240_000_000 -> '1.2 GB'."""
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def counted(nouns: Iterable[str]) -> str:
    """'1 Conv Block, 3 Identity Blocks', in the order in which the nouns first occur."""
    return listed(plural(count, noun) for noun, count in Counter(nouns).items())


def listed(items: Iterable[str]) -> str:
    """'a, b, c', as a language separates them."""
    return t(", ").join(items)


def printable(text: str) -> str:
    """One line that cannot act on a terminal: control characters, line ends and marks that turn the direction of
    writing become escapes that can be read ('\\x1b'), bytes of a name that is no UTF-8 likewise ('\\xe9')."""
    return _ACTS.sub(_escaped, text)


def is_unicode(path: str) -> bool:
    """Whether no part of a path holds bytes that are no UTF-8: not every library can open such a one."""
    return not any("\ud800" <= letter <= "\udfff" for letter in path)


def name_of_class(folder: str) -> str:
    """A class folder's name as people read it: composed, so that 'café' from a Mac is the 'café' of elsewhere."""
    return printable(normalize("NFC", folder))


def printable_lines(text: str) -> str:
    """The same with line ends and tabs as they are."""
    return _ACTS_WITHIN_LINES.sub(_escaped, text)


# C0 and C1 controls, separators of lines and paragraphs, bidirectional marks, surrogates.
_NEVER = "\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_ACTS = re.compile(f"[\x00-\x1f\x7f-\x9f{_NEVER}]")
_ACTS_WITHIN_LINES = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_NEVER}]")


def _escaped(found: re.Match) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that it could not decode
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
