"""Terms in the order of a Chinese dictionary: by pinyin, Latin words among them."""

from __future__ import annotations

import re

from pypinyin import Style, load_phrases_dict, pinyin

# What pypinyin's dictionaries read otherwise.
READINGS = {
    "似然": [["sì"], ["rán"]],
    "方差": [["fāng"], ["chā"]],
    "重加权": [["chóng"], ["jiā"], ["quán"]],
    "重参数": [["chóng"], ["cān"], ["shù"]],
}
HAN = "[\u4e00-\u9fff]"

load_phrases_dict(READINGS)


def split_name(entry: str) -> tuple[str, str]:
    """Return the name and the English of an entry: 熵 entropy, logit, FID Fréchet …."""
    if match := re.fullmatch(rf"(.*{HAN}\S*)\s*(.*)", entry):
        return match[1], match[2]
    first, _, rest = entry.partition(" ")
    return (first, rest) if rest and first[0].isupper() else (entry, "")


def sort_key(name: str) -> list[tuple[str, str, str]]:
    """Return syllable, tone and character of each 汉字; a word is one syllable."""
    pieces = re.findall(rf"{HAN}|[^\W_]+", re.sub(f"({HAN})", r" \1 ", name))
    spoken = pinyin("".join(re.findall(HAN, name)), style=Style.TONE3)
    readings = iter(reading[0] for reading in spoken)
    key = []
    for piece in pieces:
        if re.match(HAN, piece):
            syllable, tone = re.fullmatch(r"(\D+)(\d?)", next(readings)).groups()
            key.append((syllable, tone, piece))
        else:
            key.append((piece.lower(), "", piece))
    return key


def initial(name: str) -> str:
    """Return the letter under which a name is listed."""
    return sort_key(name)[0][0][0].upper()
