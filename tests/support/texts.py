"""Texts of every kind that a network of texts meets, made from a seed: none is anybody's.

`make(count, seed)` answers the same texts for the same seed for ever: the golden vectors of
tests/golden/minilm.npz are those of `make(1000, 0)`. Only the standard library is needed, so that
the program that makes them can run in another environment.
"""

from __future__ import annotations

import random
from collections.abc import Callable

_SAID = (
    "the a my our please where when how why not never always book flight card account money"
    " transfer weather music play stop light kitchen timer minutes tomorrow yesterday city river"
    " doctor train ticket price cheap awful wonderful film story actor plot boring brilliant"
    " question answer number person country animal food colour invented discovered capital highest"
    " mountain unbelievable counterintuitive telephone's don't it's re-enter e-mail co-operate 3rd"
    " 2,000 $4.99 50% 18:30 v2.0 C++ AT&T U.S.A. iPhone McDonald"
)
_WORDS = _SAID.split()
_SCRIPTS = {
    "accents": "àáâãäåçèéêëìíîïñòóôõöøùúûüýÿšžčřůőąęłńśźżğışİŞßæœðþǅ",
    "greek": "αβγδεζηθικλμνξοπρστυφχψωΑΒΓΔΣΩάέήίόύώς",
    "cyrillic": "абвгдеёжзийклмнопрстуфхцчшщъыьэюяАБВГДЙЁІЇЄ",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهويءآأؤإئةىًٌٍَُِّْ",
    "hebrew": "אבגדהוזחטיכלמנסעפצקרשתךםןףץְִֵֶַָֹ",
    "hindi": "अआइईउऊएऐओऔकखगघचछजझटठडढतथदधनपफबभमयरलवशषसहािीुूेैोौ्ंँ़",
    "thai": "กขคงจฉชซญดตถทธนบปผพฟภมยรลวศสหอะาำิีึืุูเแโใไ่้๊๋",
    "hangul": "가나다라마바사아자차카타파하한국어인공지능값읽쇄훑",
    "kana": "あいうえおかきくけこがぎぐげごぱぴぷぺぽんアイウエオカキクケコガギグパピプーッャ",
    "han": (
        "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会"
        "自着去之过家学对可她里后小么心多天而能好都然没日于起还发成事只作当想看文无開"
        "電車學國"
    ),
}
_EMOJI = ("😀", "😂", "❤️", "👍🏽", "👨‍👩‍👧‍👦", "🇩🇪", "🏳️‍🌈", "🤔", "✨", "☃", "🫠", "1️⃣")
_MARKS = ("...", "…", "!!!", "?!", *"—–«»“”’·•¿¡、。！？~^`|§©™€£№½²µﬁÅⅣ①㍿＄Ａ")
_BLANKS = (" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u2003", "\u3000", "\u202f", "\u2028")
_CONTROLS = "\x00\x01\x07\x08\x0b\x0c\x1b\x1f\x7f\x85\u200b\u200d\u200e\u202e\u2060\ufeff\ufffd"
_SPECIAL = ("[CLS]", "[SEP]", "[MASK]", "[UNK]", "[cls]", "[ SEP ]", "##ing", "##", "[unused3]")


def make(count: int, seed: int) -> list[str]:
    """`count` texts, every kind in turn, after the fixed ones."""
    rng = random.Random(seed)
    kinds = list(_KINDS.values())
    texts = [*_FIXED, *(kinds[n % len(kinds)](rng) for n in range(count))]
    return texts[:count]


def _words(rng: random.Random, least: int, most: int) -> str:
    return " ".join(rng.choices(_WORDS, k=rng.randint(least, most)))


def _sentence(rng: random.Random) -> str:
    text = _words(rng, 1, 25)
    return rng.choice((text, text.capitalize() + ".", text.upper() + "!", text.title() + "?"))


def _word_in(rng: random.Random, letters: str) -> str:
    return "".join(rng.choices(letters, k=rng.randint(1, 12)))


def _script(rng: random.Random) -> str:
    letters = rng.choice(list(_SCRIPTS.values()))
    return " ".join(_word_in(rng, letters) for _ in range(rng.randint(1, 15)))


def _mixture(rng: random.Random) -> str:
    pools: list[Callable[[], str]] = [
        lambda: rng.choice(_WORDS),
        lambda: _word_in(rng, rng.choice(list(_SCRIPTS.values()))),
        lambda: rng.choice(_EMOJI),
        lambda: rng.choice(_MARKS),
        lambda: str(rng.randint(0, 10**6)),
    ]
    parts = [rng.choice(pools)() for _ in range(rng.randint(2, 30))]
    return "".join(part + rng.choice((*_BLANKS, "", " ", " ")) for part in parts)


def _post(rng: random.Random) -> str:
    about = _words(rng, 1, 12)
    link = f"https://t.example/{_word_in(rng, 'abcXYZ0123456789_-')}?q={rng.randint(0, 99)}&lang=en"
    name, tag = (_word_in(rng, "abcdefghijklmnopqrstuvwxyzABC_0123456789") for _ in range(2))
    ending = "".join(rng.choices((*_EMOJI, *_MARKS), k=rng.randint(0, 6)))
    return f"@{name} {about} #{tag} {link} {ending}"


def _controlled(rng: random.Random) -> str:
    letters = [*_words(rng, 2, 12), *rng.choices(_CONTROLS, k=rng.randint(1, 8))]
    rng.shuffle(letters)
    return "".join(letters)


def _any_characters(rng: random.Random) -> str:
    """From all of Unicode but the surrogates, assigned or not."""
    highest = rng.choice((0xFF, 0x24F, 0x2FFF, 0xFFFF, 0x1FFFF, 0x10FFFF))
    points = (rng.randint(0, highest) for _ in range(rng.randint(1, 60)))
    return "".join(chr(point) for point in points if not 0xD800 <= point <= 0xDFFF)


def _marked(rng: random.Random) -> str:
    """Letters under heaps of combining marks."""
    letters = _words(rng, 1, 6)
    return "".join(c + "".join(chr(rng.randint(0x300, 0x36F)) for _ in range(3)) for c in letters)


def _long(rng: random.Random) -> str:
    """Around and beyond the 256 word pieces that MiniLM reads."""
    return _words(rng, 150, 400)


def _long_word(rng: random.Random) -> str:
    letters = rng.choice(("abcdefghij", *_SCRIPTS.values()))
    word = "".join(rng.choices(letters, k=rng.randint(95, 110)))
    return f"{_words(rng, 1, 5)} {word} {_words(rng, 1, 5)}"


def _special(rng: random.Random) -> str:
    parts = [rng.choice((*_SPECIAL, *_WORDS)) for _ in range(rng.randint(1, 12))]
    return rng.choice((" ", "")).join(parts)


_KINDS: dict[str, Callable[[random.Random], str]] = {
    "sentence": _sentence,
    "script": _script,
    "mixture": _mixture,
    "post": _post,
    "controlled": _controlled,
    "any": _any_characters,
    "marked": _marked,
    "sentence too": _sentence,
    "long": _long,
    "long word": _long_word,
    "special": _special,
    "script too": _script,
}

_FIXED = (
    "",
    " ",
    "\n\t\r ",
    "\x00\x01\x02",
    "a",
    ".",
    "…",
    "́",
    "ΟΔΥΣΣΕΥΣ ΣΟΦΟΣ",
    "İstanbul ISPARTA ıssız",
    "ﬁne ﬂow ﬃ Ångström",
    "x" * 99,
    "x" * 100,
    "x" * 101,
    "é" * 100,
    "한" * 50,
    "x" * 100_000,
    "word " * 20_000,
    "無" * 100_000,
    "." * 100_000,
    " " * 99_999 + "z",
    "\u0301" * 100_000 + "end",
    "a\u0301" * 50_000,
    "😀" * 500,
)
