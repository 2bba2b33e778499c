"""Vectors of float32 as values in numba functions: all that is low-level in the CPU kernels.

LLVM turns a loop over the states of a channel into poor code: it keeps the states in memory and
sums across lanes. So the kernels say what they want. Two types hold `LANES` neighbouring channels
and `STATES` states of each of them:

- a *row*, LANES numbers, one for each channel;
- a *block*, STATES x LANES numbers, states outermost.

Both are LLVM vectors, which it splits into whatever registers the machine has; a block just fills
half of them. `+ - *` and `/` work on two vectors, or a vector and a scalar. The functions below
are all else there is: reading and writing, going from rows and states to blocks and back, and what
exp needs to know of a float's bits.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.registry import cpu_target
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

__all__ = [
    "LANES",
    "STATES",
    "add_exponent",
    "dot",
    "lane_sums",
    "load",
    "load_block",
    "load_part",
    "maximum",
    "minimum",
    "prefetch",
    "repeat",
    "spread",
    "store",
    "store_part",
]


def _lanes() -> int:
    """Floats in the widest register that the machine for which numba compiles has."""
    features = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
    return 16 if "+avx512f" in features else 8 if "+avx" in features else 4


LANES = _lanes()
STATES = 8

FLOAT, INT = ir.FloatType(), ir.IntType(32)


class Vector(types.Type):
    """Numba's type of a vector of `size` float32."""

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(name=f"float32x{size}")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Vector) -> None:
        super().__init__(manager, kind, ir.VectorType(FLOAT, kind.size))


ROW, BLOCK = Vector(LANES), Vector(STATES * LANES)


def _shuffle(builder: Any, a: Any, b: Any, indices: list[int]) -> Any:
    """Pick elements of a and, from len(a) on, of b."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(INT, len(indices)), indices))


def _splat(builder: Any, scalar: Any, size: int) -> Any:
    one = ir.Constant(ir.VectorType(FLOAT, size), ir.Undefined)
    one = builder.insert_element(one, scalar, INT(0))
    return _shuffle(builder, one, one, [0] * size)


def _rows(builder: Any, block: Any) -> list[Any]:
    return [
        _shuffle(builder, block, block, list(range(s * LANES, (s + 1) * LANES)))
        for s in range(STATES)
    ]


def _block(builder: Any, rows: list[Any]) -> Any:
    while len(rows) > 1:
        size = 2 * rows[0].type.count
        pairs = zip(rows[::2], rows[1::2], strict=True)
        rows = [_shuffle(builder, a, b, list(range(size))) for a, b in pairs]
    return rows[0]


def _fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    kind = ir.FunctionType(a.type, [a.type] * 3)
    name = f"llvm.fmuladd.v{a.type.count}f32"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [a, b, c])


# --- Arithmetic ---------------------------------------------------------------------------------


class _Arithmetic(AbstractTemplate):
    def generic(self, args: tuple[types.Type, ...], kws: object) -> Any:
        a, b = args
        if isinstance(a, Vector) and (a == b or isinstance(b, types.Number)):
            return signature(a, a, b)
        if isinstance(b, Vector) and isinstance(a, types.Number):
            return signature(b, a, b)
        return None


def _as_vector(context: Any, builder: Any, size: int, kind: types.Type, value: Any) -> Any:
    if isinstance(kind, Vector):
        return value
    return _splat(builder, context.cast(builder, value, kind, types.float32), size)


def _lower_arithmetic(instruction: str) -> Callable[..., Any]:
    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        size = sig.return_type.size
        pairs = zip(sig.args, args, strict=True)
        operands = [_as_vector(context, builder, size, kind, value) for kind, value in pairs]
        return getattr(builder, instruction)(*operands)

    return lower


for _operator, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    infer_global(_operator)(_Arithmetic)
    for _pair in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector)):
        lower_builtin(_operator, *_pair)(_lower_arithmetic(_instruction))


def _choose(comparison: str) -> Any:
    """Make an intrinsic (vector, bound) that gives the bound where the comparison holds.

    So NaN, for which none holds, stays. The bound is a vector too, or a constant.
    """

    @intrinsic
    def choose(typing: Any, vector: Vector, bound: types.Type) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            bounds = _as_vector(context, builder, vector.size, bound, args[1])
            return builder.select(
                builder.fcmp_ordered(comparison, args[0], bounds), bounds, args[0]
            )

        return signature(vector, vector, bound), generate

    return choose


maximum = _choose("<")
minimum = _choose(">")


@intrinsic
def add_exponent(typing: Any, vector: Vector, bits: Vector) -> Any:
    """Multiply by 2 to the integer that stands in the lowest bits of `bits`."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        integers = ir.VectorType(INT, vector.size)
        value, power = (builder.bitcast(x, integers) for x in args)
        power = builder.shl(power, ir.Constant(integers, [23] * vector.size))
        return builder.bitcast(builder.add(value, power), args[0].type)

    return signature(vector, vector, bits), generate


# --- Memory: float32 matrices whose columns are neighbours --------------------------------------


def _pointer(context: Any, builder: Any, kind: types.Array, args: Any, target: Any) -> Any:
    """Give the address of array[i, j], of args = (array, i, j)."""
    array = context.make_array(kind)(context, builder, args[0])
    stride = builder.extract_value(array.strides, 0)
    start = builder.bitcast(array.data, ir.IntType(8).as_pointer())
    row = builder.bitcast(builder.gep(start, [builder.mul(args[1], stride)]), FLOAT.as_pointer())
    return builder.bitcast(builder.gep(row, [args[2]]), target.as_pointer())


def _reader(kind: Vector) -> Any:
    """Make an intrinsic (array, i, j) that reads array[i, j:] into a vector."""

    @intrinsic
    def read(typing: Any, array: types.Array, i: types.Integer, j: types.Integer) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            target = ir.VectorType(FLOAT, kind.size)
            return builder.load(_pointer(context, builder, array, args, target), align=4)

        return signature(kind, array, types.intp, types.intp), generate

    return read


load = _reader(ROW)
load_block = _reader(BLOCK)


@intrinsic
def store(
    typing: Any, array: types.Array, i: types.Integer, j: types.Integer, vector: Vector
) -> Any:
    """Write a vector to array[i, j:]."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[3], _pointer(context, builder, array, args, args[3].type), align=4)
        return context.get_dummy_value()

    return signature(types.void, array, types.intp, types.intp, vector), generate


_LANE_BITS = ir.VectorType(ir.IntType(1), LANES)


def _mask(builder: Any, count: Any) -> Any:
    """Bits of the first `count` lanes."""
    lanes = ir.VectorType(INT, LANES)
    counts = ir.Constant(lanes, ir.Undefined)
    counts = builder.insert_element(counts, builder.trunc(count, INT), INT(0))
    counts = _shuffle(builder, counts, counts, [0] * LANES)
    return builder.icmp_signed("<", ir.Constant(lanes, list(range(LANES))), counts)


@intrinsic
def load_part(
    typing: Any,
    array: types.Array,
    i: types.Integer,
    j: types.Integer,
    count: types.Integer,
) -> Any:
    """Read a row of which only the first `count` lanes are there; the others are 0."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        row = ir.VectorType(FLOAT, LANES)
        pointer = _pointer(context, builder, array, args, row)
        kind = ir.FunctionType(row, [pointer.type, INT, _LANE_BITS, row])
        name = f"llvm.masked.load.v{LANES}f32.p0"
        read = cgutils.get_or_insert_function(builder.module, kind, name)
        nothing = ir.Constant(row, [0.0] * LANES)
        return builder.call(read, [pointer, INT(4), _mask(builder, args[3]), nothing])

    return signature(ROW, array, types.intp, types.intp, types.intp), generate


@intrinsic
def store_part(
    typing: Any,
    array: types.Array,
    i: types.Integer,
    j: types.Integer,
    count: types.Integer,
    row: Vector,
) -> Any:
    """Write the first `count` lanes of a row to array[i, j:]."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value = args[4]
        pointer = _pointer(context, builder, array, args, value.type)
        kind = ir.FunctionType(ir.VoidType(), [value.type, pointer.type, INT, _LANE_BITS])
        name = f"llvm.masked.store.v{LANES}f32.p0"
        write = cgutils.get_or_insert_function(builder.module, kind, name)
        builder.call(write, [value, pointer, INT(4), _mask(builder, args[3])])
        return context.get_dummy_value()

    return signature(types.void, array, types.intp, types.intp, types.intp, ROW), generate


@intrinsic
def prefetch(typing: Any, array: types.Array, i: types.Integer, j: types.Integer) -> Any:
    """Ask for the cache line of array[i, j] ahead of its use."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, array, args, ir.IntType(8))
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, INT, INT, INT])
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        to_read, second_level, data = INT(0), INT(2), INT(1)
        builder.call(fetch, [pointer, to_read, second_level, data])
        return context.get_dummy_value()

    return signature(types.void, array, types.intp, types.intp), generate


# --- Rows, states and blocks --------------------------------------------------------------------


@intrinsic
def repeat(typing: Any, row: Vector) -> Any:
    """Give the block that holds the row for every state."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _block(builder, [args[0]] * STATES)

    return signature(BLOCK, ROW), generate


@intrinsic
def spread(typing: Any, array: types.Array, i: types.Integer, j: types.Integer) -> Any:
    """Give the block that holds array[i, j + s] in all lanes of state s."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, array, args, FLOAT)
        scalars = [builder.load(builder.gep(pointer, [INT(s)])) for s in range(STATES)]
        return _block(builder, [_splat(builder, scalar, LANES) for scalar in scalars])

    return signature(BLOCK, array, types.intp, types.intp), generate


@intrinsic
def dot(typing: Any, a: Vector, b: Vector, start: Vector) -> Any:
    """Give start + sum over states of a * b, a row."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        a, b = (_rows(builder, block) for block in args[:2])
        sums = [args[2], builder.fmul(a[1], b[1])]  # two, so that neither waits for itself
        sums[0] = _fma(builder, a[0], b[0], sums[0])
        for s in range(2, STATES):
            sums[s % 2] = _fma(builder, a[s], b[s], sums[s % 2])
        return builder.fadd(*sums)

    return signature(ROW, BLOCK, BLOCK, ROW), generate


@intrinsic
def lane_sums(typing: Any, block: Vector) -> Any:
    """Sum over lanes: the vector of STATES numbers."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        (x,) = args
        while (size := x.type.count) > STATES:
            even, odd = (_shuffle(builder, x, x, list(range(i, size, 2))) for i in (0, 1))
            x = builder.fadd(even, odd)
        return x

    return signature(Vector(STATES), BLOCK), generate
