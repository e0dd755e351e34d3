"""How dense the code may be, so that it stays readable (CONTRIBUTING, "Code").

Tokens a line are counted over lines that hold code: without comments, docstrings and blank lines. Comments, comprehensions
and conditional expressions are counted per 1,000 such lines. reader, httpx, h11, structlog and dramatiq have 5.8 to 6.3
tokens, 2 to 14 comprehensions, 0 to 14 conditional expressions.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "aggregator"

MOST_TOKENS_A_LINE = 7.0
MOST_COMPREHENSIONS = 19
MOST_CONDITIONALS = 13
FEWEST_COMMENTS = 29

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_LAYOUT = {
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def counts(source: str) -> Counter[str]:
    """How many lines, tokens, comments, comprehensions and conditionals a module has."""
    found: Counter[str] = Counter()
    prose: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, _COMPREHENSIONS):
            found["comprehensions"] += 1
        if isinstance(node, ast.IfExp):
            found["conditionals"] += 1
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            prose.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        line = token.start[0]
        if token.type == tokenize.COMMENT:
            found["comments"] += 1
        elif token.type not in _LAYOUT and line not in prose:
            found["tokens"] += 1
            lines.add(line)
    found["lines"] = len(lines)
    return found


def test_counts_are_those_of_the_code_alone() -> None:
    source = '''
"""Prose is not counted."""
# why
squares = [n * n for n in range(3)]

def of(n):
    """Neither is this."""
    return 1 if n else 2  # odd
'''
    assert counts(source) == {
        "lines": 3,
        "tokens": 14 + 6 + 6,
        "comments": 2,
        "comprehensions": 1,
        "conditionals": 1,
    }


def test_the_code_is_no_denser_than_agreed() -> None:
    total: Counter[str] = Counter()
    for path in PACKAGE.rglob("*.py"):
        total += counts(path.read_text(encoding="utf-8"))
    thousands = total["lines"] / 1000
    assert total["tokens"] / total["lines"] <= MOST_TOKENS_A_LINE
    assert total["comprehensions"] / thousands <= MOST_COMPREHENSIONS
    assert total["conditionals"] / thousands <= MOST_CONDITIONALS
    assert total["comments"] / thousands >= FEWEST_COMMENTS
