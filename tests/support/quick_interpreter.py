"""Triton's interpreter, about twice as fast.

Each call of a function inside of a kernel patches the whole language anew, and looks up numpy's
types in a table that it builds for that. Once is enough.
"""

from __future__ import annotations

from typing import Any


def quicken() -> None:
    """Patch the interpreter of Triton, if it still is as this knows it."""
    from triton.language import core
    from triton.runtime import interpreter

    patch = interpreter._patch_lang
    call = interpreter.InterpretedFunction.__call__
    find = interpreter._get_np_dtype
    found: dict[Any, Any] = {}
    inside, patched = [], []

    def patch_once(function: Any) -> Any:
        uses_core = any(value is core for value in function.__globals__.values())
        if inside and (patched or not uses_core):
            return interpreter._LangPatchScope()
        if inside:
            patched.append(core)
        return patch(function)

    def call_inside(self: Any, *arguments: Any, **named: Any) -> Any:
        inside.append(self)
        try:
            return call(self, *arguments, **named)
        finally:
            inside.pop()

    def find_once(dtype: Any) -> Any:
        scalar = dtype.scalar
        key = (type(scalar), getattr(scalar, "name", None))
        if key not in found:
            found[key] = find(scalar)
        return found[key]

    interpreter._patch_lang = patch_once
    interpreter.InterpretedFunction.__call__ = call_inside
    interpreter._get_np_dtype = find_once
