"""Tag expressions: `good and not (old or "two words" or user:a*)`.

    expression = term { "or" term }          term = factor { "and" factor }
    factor = "not" factor | "(" expression ")" | tag

The operators can be written in capitals: `good AND NOT old`. A tag is a word without spaces, parentheses and quotes;
`*` in the word matches any text. A tag with other characters must be in single or double quotes; a quoted tag is
matched literally. Parsing an expression never evaluates code.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from flowc_ir.late.pattern import late_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    Tags: TypeAlias = Collection[str]
    Test: TypeAlias = Callable[[Tags], bool]

_TOKEN = late_pattern(r"""\s*(?:(?P<sign>[()])|"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<word>[^\s()"']+))""")
_KEYWORDS = frozenset({"and", "or", "not", "AND", "OR", "NOT"})
_DEEPEST = 100


class TagExpressionError(ValueError):
    """The text is not a tag expression; the message shows the position of the error."""


def parse(text: str) -> Test:
    """Return a function that returns whether a collection of tags matches the expression.

    Args:
        text: an expression in the grammar of this module.

    Raises:
        TagExpressionError: the text is not an expression, or its parentheses are nested more than 100 deep. The class
            derives from ValueError.
    """
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def whole(self) -> Test:
        test = self._either()
        if self._text[self._at :].strip():
            raise self._error("expected 'and', 'or' or the end")
        return test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._takes("or"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda tags: any(test(tags) for test in tests)

    def _both(self) -> Test:
        tests = [self._factor()]
        while self._takes("and"):
            tests.append(self._factor())
        return tests[0] if len(tests) == 1 else lambda tags: all(test(tags) for test in tests)

    def _factor(self) -> Test:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error("too deeply nested")
        try:
            if self._takes("not"):
                inner = self._factor()
                return lambda tags: not inner(tags)
            if self._takes("("):
                inner = self._either()
                if not self._takes(")"):
                    raise self._error("expected ')'")
                return inner
            return self._tag()
        finally:
            self._depth -= 1

    def _tag(self) -> Test:
        token = _TOKEN.match(self._text, self._at)
        if token is None or token["sign"] or token["word"] in _KEYWORDS:
            raise self._error("expected a tag")
        self._at = token.end()
        word = token["word"]
        if word is not None and "*" in word:
            pattern = re.compile(".*".join(map(re.escape, word.split("*"))), re.DOTALL)
            return lambda tags: any(pattern.fullmatch(tag) for tag in tags)
        name = next(text for text in (word, token["double"], token["single"]) if text is not None)
        return lambda tags: name in tags

    def _takes(self, word: str) -> bool:
        """Return whether the next token is `word`; if so, move the position past the token."""
        token = _TOKEN.match(self._text, self._at)
        if token is None or (token["sign"] != word and token["word"] not in (word, word.upper())):
            return False
        self._at = token.end()
        return True

    def _error(self, message: str) -> TagExpressionError:
        rest = self._text[self._at :].strip()
        where = f"before {rest[:40]!r}" if rest else "at the end"
        return TagExpressionError(f"{message} {where} of the tag expression {self._text!r}")
