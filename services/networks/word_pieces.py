"""From texts to the word pieces of BERT (Devlin et al., 2019; Wu et al., 2016), within the graph.

Cleaned, split and looked up as the `tokenizers` library does for uncased models, to the identifier:
controls out, blanks to one kind, accents off (NFD without its marks), lower case letter by letter,
cut at blanks, around punctuation and around each Han character, then the longest known piece first.
A word of more than 100 characters is unknown.

tensorflow-text's own cleaning is another one (NFKC with case folding), and its limit on a word
counts bytes, in which a Korean word of twelve syllables is too long: so only its last step is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import tensorflow as tf
import tensorflow_text

from graft.errors import FailedPrecondition

PAD, UNKNOWN, CLASS, SEPARATOR, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"

_LONGEST_WORD: Final = 100  # characters
_MOST_BYTES: Final = 4 * _LONGEST_WORD
# A text may name a special piece. Each is carried as a character for private use, of which the text
# itself has none left by then, and which the vocabulary is given as a word.
_CARRIED: Final = {
    PAD: "\ue000",
    UNKNOWN: "\ue001",
    CLASS: "\ue002",
    SEPARATOR: "\ue003",
    MASK: "\ue004",
}
_PUNCTUATION: Final = r"[!-/:-@\[-`{-~\p{P}]"
_HAN: Final = (
    r"[\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2B73F}"
    r"\x{2B740}-\x{2B81F}\x{2B920}-\x{2CEAF}\x{F900}-\x{FAFF}\x{2F800}-\x{2FA1F}]"
)
# Unicode grew after that library's tables were made. What is a mark, punctuation or a control since
# then is a letter to it, one that no vocabulary has; two signs were punctuation and one a mark.
_LATER: Final = (
    "61D 7FD 890-8E2 9FD-9FE A76 AFA-AFF B55 C04-C3C C77 C84 D00 D3B-D3C D81 EBA ECE 180F-1886"
    " 1ABF-1ACE 1B7D-1B7E 1DF6-1DFB 2E43-2E5D A82C A8C5 A8FF A9BD 10D24-10F89 11070-11074"
    " 110C2-110CD 111CF 1123E-11241 1133B 11438-1145E 11660-1166C 116B9 1182F-11FFF 12FF1-13455"
    " 16E97-16F4F 16FE2-16FE4 1CF00-1CF46 1E000-1E4EF 1E944-1E95F"
)
_UNKNOWN_LETTER: Final = "\U00010330"
_ONCE_PUNCTUATION: Final = r"[\x{166D}\x{111C9}]"
_ONCE_MARK: Final = r"\x{1734}"
_ALONE: Final = f"{_PUNCTUATION}|{_HAN}|[{''.join(_CARRIED.values())}]"


class WordPieces(tf.Module):  # type: ignore[misc]
    """`vocabulary`: the pieces by identifier. `limit`: the most pieces of a text, the two around it
    included; what comes after is left out."""

    def __init__(self, vocabulary: Sequence[str], limit: int) -> None:
        super().__init__()
        missing = [piece for piece in _CARRIED if piece not in vocabulary]
        if missing:
            text = f"vocab.txt lacks {', '.join(missing)}; use the vocabulary of a BERT model"
            raise FailedPrecondition(
                text, reason="BACKBONE_UNUSABLE", metadata={"missing": "vocab"}
            )
        self._limit = limit
        self._start, self._end = vocabulary.index(CLASS), vocabulary.index(SEPARATOR)
        self._splitter = tensorflow_text.FastWordpieceTokenizer(
            [*vocabulary, *_CARRIED.values()],
            max_bytes_per_word=_MOST_BYTES,
            token_out_type=tf.int32,
            unknown_token=UNKNOWN,
            no_pretokenization=True,
        )
        self._meant = [*range(len(vocabulary)), *(vocabulary.index(piece) for piece in _CARRIED)]

    def __call__(self, texts: Any) -> Any:
        """string [N] -> ragged int32 [N, (pieces)], each row from [CLS] to [SEP]."""
        words = _words(_clean(texts))[:, : self._limit - 2]  # a word is a piece at least
        long = tf.strings.length(words.flat_values, unit="UTF8_CHAR") > _LONGEST_WORD
        kept = words.with_flat_values(tf.where(long, _CARRIED[UNKNOWN], words.flat_values))
        pieces = self._splitter.tokenize(kept).merge_dims(1, 2)[:, : self._limit - 2]
        meant = pieces.with_flat_values(tf.gather(self._meant, pieces.flat_values))
        ends = tf.ones([tf.shape(texts)[0], 1], tf.int32)
        return tf.concat([ends * self._start, meant, ends * self._end], axis=1)


def _clean(texts: Any) -> Any:
    """Blanks as spaces, no controls, no marks, lower case."""
    found = _without(texts, r"\p{Co}")
    for piece, carried in _CARRIED.items():
        found = tf.strings.regex_replace(found, rf"\[{piece[1:-1]}\]", carried)
    found = tf.strings.regex_replace(found, _class(_LATER), _UNKNOWN_LETTER)
    found = tf.strings.regex_replace(found, _ONCE_PUNCTUATION, f" {_UNKNOWN_LETTER} ")
    found = tf.strings.regex_replace(found, r"[\t\n\r\p{Z}]+", " ")
    found = _without(found, rf"[\p{{Cc}}\p{{Cf}}\x{{FFFD}}{_ONCE_MARK}]+")
    found = _without(tensorflow_text.normalize_utf8(found, "NFD"), r"\p{Mn}+")
    return _lower(found)


def _lower(texts: Any) -> Any:
    """Letter by letter: alone, ICU knows the end of a Greek word, and which language this machine
    is set to, in which I may have another small letter."""
    plain = tf.strings.regex_replace(tf.strings.lower(texts), "Σ", "σ")
    return tf.strings.lower(plain, encoding="utf-8")


def _words(texts: Any) -> Any:
    """string [N] -> ragged string [N, (words)]."""
    delimiter = f" |{_ALONE}"
    return tensorflow_text.regex_split(texts, delimiter, _ALONE)


def _class(ranges: str) -> str:
    """A class of characters in the regular expressions of TensorFlow."""
    ends = (one.split("-") for one in ranges.split())
    return "[" + "".join("-".join(rf"\x{{{end}}}" for end in pair) for pair in ends) + "]"


def _without(texts: Any, pattern: str) -> Any:
    return tf.strings.regex_replace(texts, pattern, "")
