"""Terms in the order of a Chinese dictionary: by pinyin, Latin words among them."""

from __future__ import annotations

import re

from pypinyin import Style, pinyin

# What pypinyin's dictionaries read otherwise. The anchors of headings use this too.
READINGS = {
    "似然": "si4 ran2",
    "方差": "fang1 cha1",
    "重加权": "chong2 jia1 quan2",
    "重参数": "chong2 can1 shu4",
}
HAN = "[\u4e00-\u9fff]"


def split_name(entry: str) -> tuple[str, str]:
    """Return the name and the English of an entry: 熵 entropy, logit, FID Fréchet …."""
    if match := re.fullmatch(rf"(.*{HAN}\S*)\s*(.*)", entry):
        return match[1], match[2]
    first, _, rest = entry.partition(" ")
    return (first, rest) if rest and first[0].isupper() else (entry, "")


def sort_key(name: str) -> list[tuple[str, str, str]]:
    """Return syllable, tone and character of each 汉字; a word is one syllable."""
    pieces = re.findall(rf"{HAN}|[^\W_]+", re.sub(f"({HAN})", r" \1 ", name))
    readings = iter(_spoken("".join(re.findall(HAN, name))))
    key = []
    for piece in pieces:
        if re.match(HAN, piece):
            syllable, tone = re.fullmatch(r"(\D+)(\d?)", next(readings)).groups()
            key.append((syllable, tone, piece))
        else:
            key.append((piece.lower(), "", piece))
    return key


def _spoken(characters: str) -> list[str]:
    """Return the reading of each 汉字, such as ``chong2``."""
    spoken = [reading[0] for reading in pinyin(characters, style=Style.TONE3)]
    for phrase, readings in READINGS.items():
        if (start := characters.find(phrase)) >= 0:
            spoken[start : start + len(phrase)] = readings.split()
    return spoken


def initial(name: str) -> str:
    """Return the letter under which a name is listed."""
    return sort_key(name)[0][0][0].upper()
