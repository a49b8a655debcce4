"""Stands in for a language model: writes tests for functions, fails and dawdles on cue."""

import ast
import asyncio
from dataclasses import dataclass

THINKING_S = 0.02
THOROUGH_S = 1.2


class ModelOverloadedError(Exception):
    """The model refuses work for the moment; asking again may help."""


@dataclass(frozen=True)
class Answer:
    """What the model said, and what it cost."""

    code: str
    input_tokens: int
    output_tokens: int


async def complete(source: str, *, thorough: bool, attempt: int) -> Answer:
    """Return tests for *source*.

    A function called ``overload`` is refused each time, one called ``busy`` the first time only.
    """
    await asyncio.sleep(THOROUGH_S if thorough else THINKING_S)
    names = [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    if "overload" in names or ("busy" in names and attempt == 1):
        message = f"no capacity for {len(source)} characters"
        raise ModelOverloadedError(message)
    code = "\n\n".join(f"def test_{name}():\n    assert {name}() is not None" for name in names)
    return Answer(code=code, input_tokens=len(source) // 4, output_tokens=len(code) // 4)
