"""Invalid designs: the whole text of each error, and a valid twin."""

# ruff: noqa: E501  # messages stand as they are printed

from __future__ import annotations

import pytest

from cnncalc import DesignError
from cnncalc.analysis.report import account
from cnncalc.language.reading import read_design, read_pattern
from tests.subcases import each

PATTERNS = [
    (
        "INPUT 8x8x4 -> CONV-{2*3 -> RELU",
        "INPUT 8x8x4 -> CONV-{2*3} -> RELU",
        """
<text>:1:21: error[pattern-syntax]: this '{' is never closed
  |
1 | INPUT 8x8x4 -> CONV-{2*3 -> RELU
  |                     ^
""",
    ),
    (
        "INPUT 8x8x4 -> SCALE(scale=no, shift=no)",
        "INPUT 8x8x4 -> SCALE(scale=no)",
        """
<text>:1:32: error[wrong-value]: shift: SCALE learns a factor, a shift or both, but scale and shift are no
  |
1 | INPUT 8x8x4 -> SCALE(scale=no, shift=no)
  |                                ^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> [CONV3-4 -> RELU*2 -> FC",
        "INPUT 8x8x4 -> [CONV3-4 -> RELU]*2 -> FC",
        """
<text>:1:16: error[pattern-syntax]: this '[' is never closed
  |
1 | INPUT 8x8x4 -> [CONV3-4 -> RELU*2 -> FC
  |                ^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4] -> RELU",
        "INPUT 8x8x4 -> CONV3-4 -> RELU",
        """
<text>:1:23: error[pattern-syntax]: unmatched ']'
  |
1 | INPUT 8x8x4 -> CONV3-4] -> RELU
  |                       ^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4 | RELU",
        "INPUT 8x8x4 -> [CONV3-4 | RELU]",
        """
<text>:1:24: error[pattern-syntax]: '|' separates branches and is only valid inside [ ]
  |
1 | INPUT 8x8x4 -> CONV3-4 | RELU
  |                        ^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4 ->",
        "INPUT 8x8x4 -> CONV3-4",
        """
<text>:1:25: error[pattern-syntax]: '->' must be followed by a layer or '[', found the end
  |
1 | INPUT 8x8x4 -> CONV3-4 ->
  |                         ^
""",
    ),
    (
        "-> INPUT",
        "INPUT",
        """
<text>:1:1: error[pattern-syntax]: expected a layer or '[', found '->'
  |
1 | -> INPUT
  | ^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4 RELU",
        "INPUT 8x8x4 -> CONV3-4 -> RELU",
        """
<text>:1:24: error[pattern-syntax]: expected '->', found 'RELU'
  |
1 | INPUT 8x8x4 -> CONV3-4 RELU
  |                        ^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> -> RELU",
        "INPUT 8x8x4 -> RELU",
        """
<text>:1:16: error[pattern-syntax]: '->' must be followed by a layer or '[', found '->'
  |
1 | INPUT 8x8x4 -> -> RELU
  |                ^^
""",
    ),
    (
        "",
        "INPUT",
        """
<text>:1:1: error[pattern-syntax]: the pattern is empty
  |
1 |
  | ^
""",
    ),
    (
        "INPUT 8 x 8 x 4",
        "INPUT 8x8x4",
        """
<text>:1:9: error[pattern-syntax]: expected '->', found 'x'
  |
1 | INPUT 8 x 8 x 4
  |         ^
  = hint: a size is written without blanks, as 9x9x3
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4(pad=1",
        "INPUT 8x8x4 -> CONV3-4(pad=1)",
        """
<text>:1:23: error[pattern-syntax]: this '(' is never closed
  |
1 | INPUT 8x8x4 -> CONV3-4(pad=1
  |                       ^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-{3 * 2",
        "INPUT 8x8x4 -> CONV-{3 * 2}",
        """
<text>:1:21: error[pattern-syntax]: this '{' is never closed
  |
1 | INPUT 8x8x4 -> CONV-{3 * 2
  |                     ^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-{3 *}",
        "INPUT 8x8x4 -> CONV-{3 * 2}",
        """
<text>:1:25: error[expression-syntax]: expected a number or a name, found the end
  |
1 | INPUT 8x8x4 -> CONV-{3 *}
  |                         ^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-{3 2}",
        "INPUT 8x8x4 -> CONV-{32}",
        """
<text>:1:24: error[pattern-syntax]: expected '}' or an operator, found '2'
  |
1 | INPUT 8x8x4 -> CONV-{3 2}
  |                        ^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-{[1, 2}",
        "INPUT 8x8x4 -> CONV-{[1, 2][0]}",
        """
<text>:1:22: error[expression-syntax]: this '[' is never closed
  |
1 | INPUT 8x8x4 -> CONV-{[1, 2}
  |                      ^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-{[{2}][0]}",
        "INPUT 8x8x4 -> CONV-{[2][0]}",
        """
<text>:1:23: error[expression-syntax]: expected a number or a name, found '{'
  |
1 | INPUT 8x8x4 -> CONV-{[{2}][0]}
  |                       ^
  = hint: inside braces and lists, write the expression without braces
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-{1.5}",
        "INPUT 8x8x4 -> CONV-{round(1.5)}",
        """
<text>:1:21: error[wrong-type]: filters: expected a whole number of at least 1, found 1.5
  |
1 | INPUT 8x8x4 -> CONV-{1.5}
  |                     ^^^^^
  = hint: in braces, floor(..) gives 1, ceil(..) 2 and round(..) 2
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-{7/2}",
        "INPUT 8x8x4 -> CONV-{7//2}",
        """
<text>:1:23: error[pattern-syntax]: expected '}' or an operator, found '/'
  |
1 | INPUT 8x8x4 -> CONV-{7/2}
  |                       ^
  = hint: '//' divides and rounds down; '*' takes decimals, as in 0.5*w
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4*{1.5*3} -> FC",
        "INPUT 8x8x4 -> CONV3-4*{1.5*4} -> FC",
        """
<text>:1:24: error[wrong-type]: a repeat needs a whole number or a list, found 4.5
  |
1 | INPUT 8x8x4 -> CONV3-4*{1.5*3} -> FC
  |                        ^^^^^^^
  = hint: in braces, floor(..) gives 4, ceil(..) 5 and round(..) 5
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4(pad=[0.5, 1])",
        "INPUT 8x8x4 -> CONV3-4(pad=[1.0, 1])",
        """
<text>:1:24: error[wrong-type]: pad: expected a whole number of at least 0, [height, width], [top, left, bottom, right], same or valid, found [0.5, 1]
  |
1 | INPUT 8x8x4 -> CONV3-4(pad=[0.5, 1])
  |                        ^^^^^^^^^^^^
  = hint: in braces, floor(..) gives 0, ceil(..) 1 and round(..) 1
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4@a{0.5}",
        "INPUT 8x8x4 -> CONV3-4@a{2*0.5}",
        """
<text>:1:26: error[wrong-name]: a name holds whole numbers and words, found 0.5
  |
1 | INPUT 8x8x4 -> CONV3-4@a{0.5}
  |                          ^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4?{0.5}",
        "INPUT 8x8x4 -> CONV3-4?{0.5 > 0}",
        """
<text>:1:24: error[wrong-type]: a condition is yes or no, found 0.5
  |
1 | INPUT 8x8x4 -> CONV3-4?{0.5}
  |                        ^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> FC-{int(2.5)}",
        "INPUT 8x8x4 -> FC-{floor(2.5)}",
        """
<text>:1:20: error[expression-syntax]: no function 'int'; did you mean 'min'? (known: min, max, round, floor, ceil, make_divisible, range)
  |
1 | INPUT 8x8x4 -> FC-{int(2.5)}
  |                    ^^^
""",
    ),
    (
        "INPUT 8x8x4 -> FC-{round(2.5, 1)}",
        "INPUT 8x8x4 -> FC-{round(2.5)}",
        """
<text>:1:20: error[expression-syntax]: 'round' takes 1 number, but 2 are given
  |
1 | INPUT 8x8x4 -> FC-{round(2.5, 1)}
  |                    ^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> FC-{make_divisible(20, 0)}",
        "INPUT 8x8x4 -> FC-{make_divisible(20, 4)}",
        """
<text>:1:19: error[wrong-value]: make_divisible(x, d) needs a whole number d of at least 1, found 0
  |
1 | INPUT 8x8x4 -> FC-{make_divisible(20, 0)}
  |                   ^^^^^^^^^^^^^^^^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> FC-{round}",
        "INPUT 8x8x4 -> FC-{round(2.5)}",
        """
<text>:1:20: error[unset-variable]: variable without a value: round
  |
1 | INPUT 8x8x4 -> FC-{round}
  |                    ^^^^^
  = hint: round is a function: round(..)
""",
    ),
    (
        "INPUT 8x8x4 -> FC-{2**0.5}",
        "INPUT 8x8x4 -> FC-{2**(2*0.5)}",
        """
<text>:1:19: error[wrong-type]: a power is a whole number, found 0.5
  |
1 | INPUT 8x8x4 -> FC-{2**0.5}
  |                   ^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> FC-{[1, 2][0.5]}",
        "INPUT 8x8x4 -> FC-{[1, 2][2*0.5]}",
        """
<text>:1:19: error[wrong-type]: the place of an element is a whole number, found 0.5
  |
1 | INPUT 8x8x4 -> FC-{[1, 2][0.5]}
  |                   ^^^^^^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> FC-{1e99*2}",
        "INPUT 8x8x4 -> FC-{1e1*2}",
        """
<text>:1:19: error[limit]: a number in an expression has at most 64 digits
  |
1 | INPUT 8x8x4 -> FC-{1e99*2}
  |                   ^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> FC-{ceil(0.1**70)}",
        "INPUT 8x8x4 -> FC-{ceil(0.1**50)}",
        """
<text>:1:19: error[limit]: a number in an expression has at most 64 digits
  |
1 | INPUT 8x8x4 -> FC-{ceil(0.1**70)}
  |                   ^^^^^^^^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-{4 if 1}",
        "INPUT 8x8x4 -> CONV-{4 if 1 else 5}",
        """
<text>:1:28: error[expression-syntax]: 'a if c' needs 'else b'
  |
1 | INPUT 8x8x4 -> CONV-{4 if 1}
  |                            ^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-{min()}",
        "INPUT 8x8x4 -> CONV-{min(3)}",
        """
<text>:1:22: error[expression-syntax]: 'min' needs at least one number
  |
1 | INPUT 8x8x4 -> CONV-{min()}
  |                      ^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-{4 // 0}",
        "INPUT 8x8x4 -> CONV-{4 // 1}",
        """
<text>:1:21: error[wrong-value]: division by zero: 4 // 0
  |
1 | INPUT 8x8x4 -> CONV-{4 // 0}
  |                     ^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-{3 ** -1}",
        "INPUT 8x8x4 -> CONV-{9 * 3 ** -1}",
        """
<text>:1:21: error[wrong-type]: filters: expected a whole number of at least 1, found about 0.3333
  |
1 | INPUT 8x8x4 -> CONV-{3 ** -1}
  |                     ^^^^^^^^^
  = hint: in braces, floor(..) gives 0, ceil(..) 1 and round(..) 0
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-{2x3[2]}",
        "INPUT 8x8x4 -> CONV-{2x3[1]}",
        """
<text>:1:21: error[wrong-value]: the list [2, 3] has 2 elements, counted from 0, so there is no element 2
  |
1 | INPUT 8x8x4 -> CONV-{2x3[2]}
  |                     ^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-{3[0]}",
        "INPUT 8x8x4 -> CONV-{3x4[0]}",
        """
<text>:1:21: error[wrong-type]: only a list has elements, found 3
  |
1 | INPUT 8x8x4 -> CONV-{3[0]}
  |                     ^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-{2x3 + 1}",
        "INPUT 8x8x4 -> CONV-{2x3[0] + 1}",
        """
<text>:1:21: error[wrong-type]: '+' computes with numbers, found [2, 3]
  |
1 | INPUT 8x8x4 -> CONV-{2x3 + 1}
  |                     ^^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-{10**64}",
        "INPUT 8x8x4 -> CONV-{10**63}",
        """
<text>:1:21: error[limit]: a number in an expression has at most 64 digits
  |
1 | INPUT 8x8x4 -> CONV-{10**64}
  |                     ^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4*-1",
        "INPUT 8x8x4 -> CONV3-4*1",
        """
<text>:1:24: error[pattern-syntax]: '*' must be followed by a number, a name, a list or braces, found '-'
  |
1 | INPUT 8x8x4 -> CONV3-4*-1
  |                        ^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4*{1-2}",
        "INPUT 8x8x4 -> CONV3-4*{2-1}",
        """
<text>:1:24: error[negative-count]: a repeat needs a count of at least 0, found -1
  |
1 | INPUT 8x8x4 -> CONV3-4*{1-2}
  |                        ^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4*2x3",
        "INPUT 8x8x4 -> CONV3-4*[2x3]",
        """
<text>:1:24: error[pattern-syntax]: '*' must be followed by a number, a name, a list or braces, found '2x3'
  |
1 | INPUT 8x8x4 -> CONV3-4*2x3
  |                        ^^^
  = hint: a list needs its brackets: *[2x64]
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4*2*3",
        "INPUT 8x8x4 -> [CONV3-4*2]*3",
        """
<text>:1:25: error[pattern-syntax]: only one '?' or '*' is allowed after an item
  |
1 | INPUT 8x8x4 -> CONV3-4*2*3
  |                         ^
  = hint: put the item into [ ] to repeat it again
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4?*3",
        "INPUT 8x8x4 -> [CONV3-4?]*3",
        """
<text>:1:24: error[pattern-syntax]: only one '?' or '*' is allowed after an item
  |
1 | INPUT 8x8x4 -> CONV3-4?*3
  |                        ^
  = hint: put the item into [ ] to repeat it again
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-{a*b}*[2x3, 4x5x6] as a, b",
        "INPUT 8x8x4 -> CONV-{a*b}*[2x3, 4x5] as a, b",
        """
<text>:1:26: error[wrong-names]: 'as' gives 2 names, but the entry [4, 5, 6] has 3 parts
  |
1 | INPUT 8x8x4 -> CONV-{a*b}*[2x3, 4x5x6] as a, b
  |                          ^^^^^^^^^^^^^^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-a*3 as a, b",
        "INPUT 8x8x4 -> CONV-{a+1}*3 as a",
        """
<text>:1:22: error[wrong-names]: a repeat count binds one name (its index), but 'as' has 2
  |
1 | INPUT 8x8x4 -> CONV-a*3 as a, b
  |                      ^^^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-3*2 as depth",
        "INPUT 8x8x4 -> CONV-3*2 as d",
        """
<text>:1:28: error[reserved-name]: 'depth' is reserved and cannot be the name of a variable
  |
1 | INPUT 8x8x4 -> CONV-3*2 as depth
  |                            ^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-3*2 as a, a",
        "INPUT 8x8x4 -> CONV-a*[2x3] as a, b",
        """
<text>:1:31: error[pattern-syntax]: 'a' is repeated after 'as'
  |
1 | INPUT 8x8x4 -> CONV-3*2 as a, a
  |                               ^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-n*[[2]] as n",
        "INPUT 8x8x4 -> CONV-n*[2] as n",
        """
<text>:1:21: error[wrong-type]: filters: expected a whole number of at least 1, found [2]
  |
1 | INPUT 8x8x4 -> CONV-n*[[2]] as n
  |                     ^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-3*{depth}",
        "INPUT 8x8x4 -> CONV-{depth}*3",
        """
<text>:1:24: error[graph-needs-volume]: counts, conditions and names cannot depend on a volume, but 'depth' does
  |
1 | INPUT 8x8x4 -> CONV-3*{depth}
  |                        ^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV-3?{depth > 2}",
        "INPUT 8x8x4 -> CONV-{depth}?{3 > 2}",
        """
<text>:1:24: error[graph-needs-volume]: counts, conditions and names cannot depend on a volume, but 'depth' does
  |
1 | INPUT 8x8x4 -> CONV-3?{depth > 2}
  |                        ^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4@a{depth}",
        "INPUT 8x8x4 -> CONV3-4@a{4}",
        """
<text>:1:26: error[graph-needs-volume]: counts, conditions and names cannot depend on a volume, but 'depth' does
  |
1 | INPUT 8x8x4 -> CONV3-4@a{depth}
  |                          ^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4@a -> CONV3-4@a",
        "INPUT 8x8x4 -> CONV3-4@a -> CONV3-4@b",
        """
<text>:1:36: error[repeated-name]: the name 'a' is defined twice
  |
1 | INPUT 8x8x4 -> CONV3-4@a -> CONV3-4@a
  |                                    ^^
""",
    ),
    (
        "INPUT 8x8x4 -> [CONV3-4@a]*2",
        "INPUT 8x8x4 -> [CONV3-4@a{i}]*2 as i",
        """
<text>:1:24: error[repeated-name]: the name 'a' is defined twice
  |
1 | INPUT 8x8x4 -> [CONV3-4@a]*2
  |                        ^^
  = hint: inside a repeat put the index into the name, as in *3 as i and @a{i}, or name the repeat
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4@relu1 -> RELU",
        "INPUT 8x8x4 -> CONV3-4@relu1 -> RELU@relu2",
        """
<text>:1:23: error[repeated-name]: the name 'relu1' is also the automatic name of another layer
  |
1 | INPUT 8x8x4 -> CONV3-4@relu1 -> RELU
  |                       ^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4@a..b",
        "INPUT 8x8x4 -> CONV3-4@a.b",
        """
<text>:1:23: error[wrong-name]: a name holds letters, digits, '_', '-', '/' and single dots between them, found 'a..b'
  |
1 | INPUT 8x8x4 -> CONV3-4@a..b
  |                       ^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4@ a",
        "INPUT 8x8x4 -> CONV3-4@a",
        """
<text>:1:23: error[pattern-syntax]: a name must follow '@': letters, digits, '_', '-', '.' or '/'
  |
1 | INPUT 8x8x4 -> CONV3-4@ a
  |                       ^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4@a@b",
        "INPUT 8x8x4 -> CONV3-4@a.b",
        """
<text>:1:25: error[pattern-syntax]: a layer can have only one name
  |
1 | INPUT 8x8x4 -> CONV3-4@a@b
  |                         ^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4@a -> RELU -> ADD(@b)",
        "INPUT 8x8x4 -> CONV3-4@a -> RELU -> ADD(@a)",
        """
<text>:1:41: error[unknown-name]: unknown layer 'b' (names: a, relu1, input)
  |
1 | INPUT 8x8x4 -> CONV3-4@a -> RELU -> ADD(@b)
  |                                         ^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4@a -> CONV3-5 -> ADD(@a)",
        "INPUT 8x8x4 -> CONV3-4@a -> CONV3-4 -> ADD(@a)",
        """
<text>:1:40: error[merge-mismatch]: add1: ADD needs volumes of the same depth (or 1, which is broadcast), but gets [8x8x5] and [8x8x4]
  |
1 | INPUT 8x8x4 -> CONV3-4@a -> CONV3-5 -> ADD(@a)
  |                                        ^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4@a -> CONV3-4/2 -> CONCAT(@a)",
        "INPUT 8x8x4 -> CONV3-4@a -> CONV3-5 -> CONCAT(@a)",
        """
<text>:1:42: error[merge-mismatch]: concat1: CONCAT needs volumes of the same height and width, but gets [4x4x4] and [8x8x4]
  |
1 | INPUT 8x8x4 -> CONV3-4@a -> CONV3-4/2 -> CONCAT(@a)
  |                                          ^^^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> ADD",
        "INPUT 8x8x4 -> ADD(@input)",
        """
<text>:1:16: error[wrong-inputs]: ADD joins several volumes, but it follows no fork and names no other layer
  |
1 | INPUT 8x8x4 -> ADD
  |                ^^^
  = hint: write ADD(@name), or put a fork before it: [a | b] -> ADD
""",
    ),
    (
        "INPUT 8x8x4@x -> [CONV3-4@a | CONV3-5@b] -> FROM(@a) -> RELU",
        "INPUT 8x8x4@x -> CONV3-4@a -> FROM(@x) -> CONV3-5@b -> FROM(@a) -> RELU",
        """
<text>:1:45: error[fork-without-merge]: a fork must be followed by a merge, such as CONCAT, ADD or MUL, which joins its branches
  |
1 | INPUT 8x8x4@x -> [CONV3-4@a | CONV3-5@b] -> FROM(@a) -> RELU
  |                                             ^^^^^^^^
  = hint: without a merge, write the branches one after the other: CONV3-4@a -> FROM(@x) -> CONV3-5@b -> FROM(@a)
""",
    ),
    (
        "INPUT 8x8x4 -> [CONV3-4 | ] -> RELU",
        "INPUT 8x8x4 -> [CONV3-4 | ] -> ADD -> RELU",
        """
<text>:1:32: error[fork-without-merge]: a fork must be followed by a merge, such as CONCAT, ADD or MUL, which joins its branches
  |
1 | INPUT 8x8x4 -> [CONV3-4 | ] -> RELU
  |                                ^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> [CONV3-4 | ]*2 -> ADD",
        "INPUT 8x8x4 -> [[CONV3-4 | ] -> ADD]*2",
        """
<text>:1:28: error[fork-suffix]: '*' is not allowed after a fork
  |
1 | INPUT 8x8x4 -> [CONV3-4 | ]*2 -> ADD
  |                            ^^
  = hint: put the merge inside: [ [a | b] -> ADD ]*2
""",
    ),
    (
        "INPUT 8x8x4 -> [CONV3-4 | ]? -> ADD",
        "INPUT 8x8x4 -> [[CONV3-4 | ] -> ADD]?",
        """
<text>:1:28: error[fork-suffix]: '?' is not allowed after a fork
  |
1 | INPUT 8x8x4 -> [CONV3-4 | ]? -> ADD
  |                            ^
  = hint: put the merge inside: [ [a | b] -> ADD ]?
""",
    ),
    (
        "INPUT 8x8x4 -> [CONV3-4 | ] -> ADD*2",
        "INPUT 8x8x4 -> [[CONV3-4 | ] -> ADD]*2",
        """
<text>:1:35: error[fork-suffix]: '*' is not allowed after a merge
  |
1 | INPUT 8x8x4 -> [CONV3-4 | ] -> ADD*2
  |                                   ^^
  = hint: put the fork and the merge into '[ ]' and '*' after it
""",
    ),
    (
        "INPUT 8x8x4 -> [CONV3-4 | ] -> ADD?",
        "INPUT 8x8x4 -> [[CONV3-4 | ] -> ADD]?",
        """
<text>:1:35: error[fork-suffix]: '?' is not allowed after a merge
  |
1 | INPUT 8x8x4 -> [CONV3-4 | ] -> ADD?
  |                                   ^
  = hint: put the fork and the merge into '[ ]' and '?' after it
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4@a -> [RELU | TANH] -> ADD(@a)",
        "INPUT 8x8x4 -> CONV3-4@a -> [RELU | TANH | FROM(@a)] -> ADD",
        """
<text>:1:50: error[wrong-inputs]: ADD joins the branches of the fork before it, so it takes no other inputs
  |
1 | INPUT 8x8x4 -> CONV3-4@a -> [RELU | TANH] -> ADD(@a)
  |                                                  ^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4@a -> CONV3-4@b -> RELU -> ADD(@a, @b)",
        "INPUT 8x8x4 -> CONV3-4@a -> CONV3-4@b -> RELU@c -> ADD(@a, @b)",
        """
<text>:1:42: error[unread-volume]: the output of relu1 is not used
  |
1 | INPUT 8x8x4 -> CONV3-4@a -> CONV3-4@b -> RELU -> ADD(@a, @b)
  |                                          ^^^^
  = hint: ADD with two or more names joins these alone; name this layer and write ADD(@name, ..)
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4@a -> RELU(@a)",
        "INPUT 8x8x4 -> CONV3-4@a -> RELU(inputs=@a)",
        """
<text>:1:34: error[wrong-inputs]: RELU reads the layer before it; FROM, merges and layers with a second input take '@name'
  |
1 | INPUT 8x8x4 -> CONV3-4@a -> RELU(@a)
  |                                  ^^
  = hint: write inputs=@name to read another layer
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4@a -> FROM(@a, @input) -> RELU",
        "INPUT 8x8x4 -> CONV3-4@a -> FROM(@input) -> RELU",
        """
<text>:1:29: error[wrong-inputs]: FROM takes the name of one layer and nothing else: FROM(@a)
  |
1 | INPUT 8x8x4 -> CONV3-4@a -> FROM(@a, @input) -> RELU
  |                             ^^^^^^^^^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4@a -> TANH@b -> ADD(inputs=[a, b])",
        "INPUT 8x8x4 -> CONV3-4@a -> TANH@b -> ADD(inputs=[@a, @b])",
        """
<text>:1:50: error[wrong-type]: inputs: expected names
  |
1 | INPUT 8x8x4 -> CONV3-4@a -> TANH@b -> ADD(inputs=[a, b])
  |                                                  ^^^^^^
  = hint: write inputs=[@a, @b]
""",
    ),
    (
        "INPUT 8x8x4 -> INPUT 8x8x4 -> RELU",
        "INPUT 8x8x4@a -> CONV3-4@b -> [INPUT 8x8x4] -> RELU -> ADD(@b)",
        """
<text>:1:16: error[wrong-inputs]: INPUT begins the net or a branch; it takes no input
  |
1 | INPUT 8x8x4 -> INPUT 8x8x4 -> RELU
  |                ^^^^^^^^^^^
  = hint: write it as a branch of a fork, or in brackets after a layer with a name: CONV3-4@a -> [INPUT 8x8x3]
""",
    ),
    (
        "CONV3-4 -> RELU",
        "INPUT -> CONV3-4 -> RELU",
        """
<text>:1:1: error[no-input]: CONV3 has no input: a net begins with INPUT
  |
1 | CONV3-4 -> RELU
  | ^^^^^^^
  = hint: begin with 'INPUT -> '
""",
    ),
    (
        "INPUT 8x8x4 -> [RELU -> [TANH | RELU] | RELU] -> ADD",
        "INPUT 8x8x4 -> [RELU -> [TANH | RELU] -> ADD | RELU] -> ADD",
        """
<text>:1:16: error[fork-without-merge]: a fork inside a branch must be joined before the branch ends
  |
1 | INPUT 8x8x4 -> [RELU -> [TANH | RELU] | RELU] -> ADD
  |                ^
""",
    ),
    (
        "INPUT 8x8x4 -> CNV3-4",
        "INPUT 8x8x4 -> CONV3-4",
        """
<text>:1:16: error[unknown-layer]: no layer kind or block 'CNV3'; did you mean 'CONV'?
  |
1 | INPUT 8x8x4 -> CNV3-4
  |                ^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> MAXPOOL2",
        "INPUT 8x8x4 -> POOL2",
        """
<text>:1:16: error[unknown-layer]: no layer kind or block 'MAXPOOL2'; use POOL
  |
1 | INPUT 8x8x4 -> MAXPOOL2
  |                ^^^^^^^^
  = hint: write POOL2
""",
    ),
    (
        "INPUT 8x8x4 -> [CONVk-w -> POOLk -> FCw]*[3x5] as k, w",
        "INPUT 8x8x4 -> [CONV{k}-w -> POOL{k} -> FC-w]*[3x5] as k, w",
        """
<text>:1:17: error[unknown-layer]: no layer kind or block 'CONVk'
  |
1 | INPUT 8x8x4 -> [CONVk-w -> POOLk -> FCw]*[3x5] as k, w
  |                 ^^^^^^^
  = hint: with a variable it is written CONV{k}

<text>:1:28: error[unknown-layer]: no layer kind or block 'POOLk'
  |
1 | INPUT 8x8x4 -> [CONVk-w -> POOLk -> FCw]*[3x5] as k, w
  |                            ^^^^^
  = hint: with a variable it is written POOL{k}

<text>:1:37: error[unknown-layer]: no layer kind or block 'FCw'
  |
1 | INPUT 8x8x4 -> [CONVk-w -> POOLk -> FCw]*[3x5] as k, w
  |                                     ^^^
  = hint: with a variable it is written FC-w
""",
    ),
    (
        "INPUT 8x8x4 -> N -> RELU",
        "INPUT 8x8x4 -> CONV-n*[4] as n -> RELU",
        """
<text>:1:16: error[unknown-layer]: no layer kind or block 'N'
  |
1 | INPUT 8x8x4 -> N -> RELU
  |                ^
  = hint: a variable follows '-', '/', '*' or '?', or is an argument
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4-5",
        "INPUT 8x8x4 -> CONV3-4",
        """
<text>:1:23: error[pattern-syntax]: expected '->', found '-'
  |
1 | INPUT 8x8x4 -> CONV3-4-5
  |                       ^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3/2-4",
        "INPUT 8x8x4 -> CONV3-4/2",
        """
<text>:1:23: error[pattern-syntax]: expected '->', found '-'
  |
1 | INPUT 8x8x4 -> CONV3/2-4
  |                       ^
""",
    ),
    (
        "INPUT 8x8x4 -> RELU3",
        "INPUT 8x8x4 -> RELU6",
        """
<text>:1:16: error[unknown-key]: RELU takes no number after its name
  |
1 | INPUT 8x8x4 -> RELU3
  |                ^^^^^
  = hint: write RELU; its key is in_place
""",
    ),
    (
        "INPUT 8x8x4 -> RELU-3",
        "INPUT 8x8x4 -> RELU",
        """
<text>:1:21: error[unknown-key]: RELU takes no '-'
  |
1 | INPUT 8x8x4 -> RELU-3
  |                     ^
  = hint: write RELU; its key is in_place
""",
    ),
    (
        "INPUT 8x8x4 -> POOL2-3",
        "INPUT 8x8x4 -> POOL2/3",
        """
<text>:1:22: error[unknown-key]: POOL takes no '-'
  |
1 | INPUT 8x8x4 -> POOL2-3
  |                      ^
  = hint: write POOL2/3
""",
    ),
    (
        "INPUT 8x8x4 -> CONV(3, 4)",
        "INPUT 8x8x4 -> CONV(4, kernel=3)",
        """
<text>:1:24: error[unknown-key]: CONV takes one value without a key (filters); name the others: key=value
  |
1 | INPUT 8x8x4 -> CONV(3, 4)
  |                        ^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4(kernl=5)",
        "INPUT 8x8x4 -> CONV-4(kernel=5)",
        """
<text>:1:24: error[unknown-key]: conv has no key 'kernl'; did you mean 'kernel'?
  |
1 | INPUT 8x8x4 -> CONV3-4(kernl=5)
  |                        ^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4(kernel=5)",
        "INPUT 8x8x4 -> CONV-4(kernel=5)",
        """
<text>:1:24: error[repeated-key]: CONV3: 'kernel' is given twice
  |
1 | INPUT 8x8x4 -> CONV3-4(kernel=5)
  |                        ^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> RELU(3)",
        "INPUT 8x8x4 -> LRELU(3)",
        """
<text>:1:21: error[unknown-key]: RELU takes no value without a key
  |
1 | INPUT 8x8x4 -> RELU(3)
  |                     ^
  = hint: write RELU; its key is in_place
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4(pad=smae)",
        "INPUT 8x8x4 -> CONV3-4(pad=same)",
        """
<text>:1:28: error[unset-variable]: variable without a value: smae; did you mean 'same'?
  |
1 | INPUT 8x8x4 -> CONV3-4(pad=smae)
  |                            ^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-0",
        "INPUT 8x8x4 -> CONV3-1",
        """
<text>:1:22: error[wrong-value]: filters: expected a whole number of at least 1, found 0
  |
1 | INPUT 8x8x4 -> CONV3-0
  |                      ^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4/0",
        "INPUT 8x8x4 -> CONV3-4/1",
        """
<text>:1:24: error[wrong-value]: stride: expected a whole number of at least 1, or one for each side, as [height, width], found 0
  |
1 | INPUT 8x8x4 -> CONV3-4/0
  |                        ^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4(pad=-1)",
        "INPUT 8x8x4 -> PAD(-1) -> CONV3-4",
        """
<text>:1:24: error[negative-pad]: pad: a pad must be 0 or more, found -1; the layer PAD can crop
  |
1 | INPUT 8x8x4 -> CONV3-4(pad=-1)
  |                        ^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4(bias=3)",
        "INPUT 8x8x4 -> CONV3-4(bias=no)",
        """
<text>:1:24: error[wrong-type]: bias: expected yes or no, found 3
  |
1 | INPUT 8x8x4 -> CONV3-4(bias=3)
  |                        ^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3x4x5-4",
        "INPUT 8x8x4 -> CONV3x4-4",
        """
<text>:1:16: error[wrong-sides]: conv1: kernel: the volume has 2 sides (height, width), so expected one number or 2, found 3: [3, 4, 5]
  |
1 | INPUT 8x8x4 -> CONV3x4x5-4
  |                ^^^^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> DROPOUT(1.5)",
        "INPUT 8x8x4 -> DROPOUT(0.5)",
        """
<text>:1:24: error[wrong-value]: rate: expected a number of at least 0 and at most 1, found 1.5
  |
1 | INPUT 8x8x4 -> DROPOUT(1.5)
  |                        ^^^
""",
    ),
    (
        "INPUT 8x8x4 -> POOL3(pad=2)",
        "INPUT 8x8x4 -> POOL3(pad=1)",
        """
<text>:1:22: error[pad-too-large]: pad: a pool may pad by at most half its kernel, but 2 is more than half of 3
  |
1 | INPUT 8x8x4 -> POOL3(pad=2)
  |                      ^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> POOL(output=2x3, stride=3)",
        "INPUT 8x8x4 -> POOL(output=2x3)",
        """
<text>:1:21: error[wrong-value]: output: a pool takes the size of its output or windows, but has output and stride
  |
1 | INPUT 8x8x4 -> POOL(output=2x3, stride=3)
  |                     ^^^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-6(groups=3)",
        "INPUT 8x8x4 -> CONV3-6(groups=2)",
        """
<text>:1:24: error[not-divisible]: conv1: the depth must be divisible by groups, but depth 4 is not divisible by 3
  |
1 | INPUT 8x8x4 -> CONV3-6(groups=3)
  |                        ^^^^^^^^
  = hint: 2 groups divide depth and filters
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-5(groups=2)",
        "INPUT 8x8x4 -> CONV3-6(groups=2)",
        """
<text>:1:24: error[not-divisible]: conv1: the filters must be divisible by groups, but 5 filters are not divisible by 2
  |
1 | INPUT 8x8x4 -> CONV3-5(groups=2)
  |                        ^^^^^^^^
  = hint: 6 filters are divisible
""",
    ),
    (
        "INPUT 8x8x4 -> GN",
        "INPUT 8x8x4 -> GN2",
        """
<text>:1:16: error[not-divisible]: gn1: the depth must be divisible by groups, but depth 4 is not divisible by 32
  |
1 | INPUT 8x8x4 -> GN
  |                ^^
  = hint: 4 groups divide it
""",
    ),
    (
        "INPUT 8x8x4 -> SLICE(4)",
        "INPUT 8x8x4 -> SLICE(3)",
        """
<text>:1:22: error[no-such-channel]: slice1: a slice must lie within the 4 channels, but is from 4 to 4
  |
1 | INPUT 8x8x4 -> SLICE(4)
  |                      ^
""",
    ),
    (
        "INPUT 8x8x4 -> SLICE(1, to=5)",
        "INPUT 8x8x4 -> SLICE(1, to=4)",
        """
<text>:1:25: error[no-such-channel]: slice1: a slice must lie within the 4 channels, but is from 1 to 5
  |
1 | INPUT 8x8x4 -> SLICE(1, to=5)
  |                         ^^^^
  = hint: leave out to; the slice then ends with the last
""",
    ),
    (
        "INPUT 8x8x4 -> RESHAPE 8x8x5",
        "INPUT 8x8x4 -> RESHAPE 8x16x2",
        """
<text>:1:24: error[reshape-mismatch]: reshape1: a reshape keeps the number of elements, but [8x8x4] has 256 and [8x8x5] 320
  |
1 | INPUT 8x8x4 -> RESHAPE 8x8x5
  |                        ^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> PAD(-4)",
        "INPUT 8x8x4 -> PAD(-3)",
        """
<text>:1:20: error[volume-vanishes]: pad1: cropping must leave at least 1, but pad -4 and -4 leaves 0 of height 8
  |
1 | INPUT 8x8x4 -> PAD(-4)
  |                    ^^
  = hint: the smallest square input that works is 9x9x4
""",
    ),
    (
        "INPUT 8x8x4 -> DECONV2-4(pad=8)",
        "INPUT 8x8x4 -> DECONV2-4(pad=7)",
        """
<text>:1:26: error[volume-vanishes]: deconv1: cropping must leave at least 1, but pad crops 16 of height 16
  |
1 | INPUT 8x8x4 -> DECONV2-4(pad=8)
  |                          ^^^^^
  = hint: the smallest square input that works is 9x9x4
""",
    ),
    (
        "INPUT 8x8x4 -> DECONV2-4(output_pad=2)",
        "INPUT 8x8x4 -> DECONV2-4(output_pad=1)",
        """
<text>:1:26: error[wrong-value]: output_pad: must be smaller than the stride or the dilation, but 2 is not below stride 2 or dilation 1
  |
1 | INPUT 8x8x4 -> DECONV2-4(output_pad=2)
  |                          ^^^^^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> DECONV2",
        "INPUT 8x8x4 -> DECONV2-4",
        """
<text>:1:16: error[missing-key]: deconv needs 'filters': a whole number of at least 1
  |
1 | INPUT 8x8x4 -> DECONV2
  |                ^^^^^^^
  = hint: as in DECONV2-32/2
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4(pad=0)*4",
        "INPUT 8x8x4 -> CONV3-4(pad=0)*3",
        """
<text>:1:16: error[window-too-large]: conv4: the window must fit into the volume, but kernel 3 is larger than height 2
  |
1 | INPUT 8x8x4 -> CONV3-4(pad=0)*4
  |                ^^^^^^^^^^^^^^
  = hint: the smallest square input that works is 9x9x4
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-2(connections=[[0, 1], [2, 4]])",
        "INPUT 8x8x4 -> CONV3-2(connections=[[0, 1], [2, 3]])",
        """
<text>:1:24: error[no-such-map]: conv1: a connection must name an input map, but map 4 is not among the 4 maps 0 to 3
  |
1 | INPUT 8x8x4 -> CONV3-2(connections=[[0, 1], [2, 4]])
  |                        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-3(connections=[[0, 1], [2, 3]])",
        "INPUT 8x8x4 -> CONV3-2(connections=[[0, 1], [2, 3]])",
        """
<text>:1:24: error[wrong-value]: connections: there must be one list for each filter, but found 2 lists for 3 filters
  |
1 | INPUT 8x8x4 -> CONV3-3(connections=[[0, 1], [2, 3]])
  |                        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4: [8x8x5]",
        "INPUT 8x8x4 -> CONV3-4: [8x8x4]",
        """
<text>:1:25: error[volume-mismatch]: conv1: the text states [8x8x5], but CONV3-4 gives [8x8x4] from [8x8x4]
  |
1 | INPUT 8x8x4 -> CONV3-4: [8x8x5]
  |                         ^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> FC: [2x1x5]",
        "INPUT 8x8x4 -> FC: [1x1x5]",
        """
<text>:1:20: error[volume-mismatch]: fc1: the text states [2x1x5], but FC-5 gives [1x1x5] from [8x8x4]
  |
1 | INPUT 8x8x4 -> FC: [2x1x5]
  |                    ^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4 [8x8x8x8x4]",
        "INPUT 8x8x4 -> CONV3-4 [8x8x4]",
        """
<text>:1:25: error[pattern-syntax]: a volume has two to four parts of at least 1, its sides and its depth, as height x width x depth, found 8x8x8x8x4
  |
1 | INPUT 8x8x4 -> CONV3-4 [8x8x8x8x4]
  |                         ^^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4: 8x8x4",
        "INPUT 8x8x4 -> CONV3-4: [8x8x4]",
        """
<text>:1:25: error[pattern-syntax]: ':' must be followed by a volume such as [224x224x64]
  |
1 | INPUT 8x8x4 -> CONV3-4: 8x8x4
  |                         ^^^^^
""",
    ),
    (
        "INPUT 8x8x8x8x8",
        "INPUT 8x8x8x3",
        """
<text>:1:7: error[wrong-type]: size: expected a size of two to four parts, depth last, as height x width x depth in 224x224x3, found [8, 8, 8, 8, 8]
  |
1 | INPUT 8x8x8x8x8
  |       ^^^^^^^^^
""",
    ),
    (
        "INPUT 0x8x3",
        "INPUT 1x8x3",
        """
<text>:1:7: error[wrong-value]: size: each part of a size is at least 1, found 0x8x3
  |
1 | INPUT 0x8x3
  |       ^^^^^
""",
    ),
    (
        "INPUT 08x8x3",
        "INPUT 8x8x3",
        """
<text>:1:7: error[number]: a number cannot begin with 0: '08'
  |
1 | INPUT 08x8x3
  |       ^^
  = hint: write 8
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4(pad=01)",
        "INPUT 8x8x4 -> CONV3-4(pad=1)",
        """
<text>:1:28: error[number]: a number cannot begin with 0: '01'
  |
1 | INPUT 8x8x4 -> CONV3-4(pad=01)
  |                            ^^
  = hint: write 1
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4 —> RELU",
        "INPUT 8x8x4 -> CONV3-4 -> RELU",
        """
<text>:1:24: error[pattern-syntax]: an arrow is written '->', found '—>'
  |
1 | INPUT 8x8x4 -> CONV3-4 —> RELU
  |                        ^^
  = hint: write '->'
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4 & RELU",
        "INPUT 8x8x4 -> CONV3-4 -> RELU",
        """
<text>:1:24: error[pattern-syntax]: a character is not allowed in a pattern: '&'
  |
1 | INPUT 8x8x4 -> CONV3-4 & RELU
  |                        ^
""",
    ),
    (
        "INPUT 8x8x4 -> 全角 -> CNV3",
        "INPUT 8x8x4 -> CONV3-4",
        """
<text>:1:16: error[unknown-layer]: no layer kind or block '全角'
  |
1 | INPUT 8x8x4 -> 全角 -> CNV3
  |                ^^^^

<text>:1:22: error[unknown-layer]: no layer kind or block 'CNV3'; did you mean 'CONV'?
  |
1 | INPUT 8x8x4 -> 全角 -> CNV3
  |                        ^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4(share=b)",
        "INPUT 8x8x4 -> CONV3-4@b -> CONV3-4(share=b)",
        """
<text>:1:24: error[unknown-name]: share: unknown layer 'b'
  |
1 | INPUT 8x8x4 -> CONV3-4(share=b)
  |                        ^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4@a -> CONV3-5(share=a)",
        "INPUT 8x8x4 -> CONV3-4@a -> CONV3-4(share=a)",
        """
<text>:1:37: error[share-mismatch]: conv2: shared parameters must have the same shapes, but it needs weight 3x3x4x5, bias 5 and a has weight 3x3x4x4, bias 4
  |
1 | INPUT 8x8x4 -> CONV3-4@a -> CONV3-5(share=a)
  |                                     ^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4@a -> DECONV3-5/1(share=a, transposed=yes)",
        "INPUT 8x8x4 -> CONV3-4@a -> DECONV3-4/1(share=a, transposed=yes)",
        """
<text>:1:50: error[share-mismatch]: deconv1: transposed weights must have the shape of the others with inputs and outputs swapped, but it needs 3x3x4x5, and a has 3x3x4x4, which gives 3x3x4x4
  |
1 | INPUT 8x8x4 -> CONV3-4@a -> DECONV3-5/1(share=a, transposed=yes)
  |                                                  ^^^^^^^^^^^^^^
  = hint: DECONV3-4/1 has 3x3x4x4
""",
    ),
    (
        "INPUT 5x7x4 -> CONV5x3-6(groups=2)@a -> CONV1-4 -> DECONV4-8/2(share=a, transposed=yes, groups=2)",
        "INPUT 5x7x4 -> CONV5x3-6(groups=2)@a -> DECONV5x3-4/2(share=a, transposed=yes, groups=2)",
        """
<text>:1:73: error[share-mismatch]: deconv1: transposed weights must have the shape of the others with inputs and outputs swapped, but it needs 4x4x4x4, and a has 5x3x2x6, which gives 5x3x6x2
  |
1 | INPUT 5x7x4 -> CONV5x3-6(groups=2)@a -> CONV1-4 -> DECONV4-8/2(share=a, transposed=yes, groups=2)
  |                                                                         ^^^^^^^^^^^^^^
  = hint: DECONV5x3-4/2(groups=2) on an input of depth 6 has 5x3x6x2
""",
    ),
    (
        "INPUT 8x8x3 -> FC-10@a -> FC-191(share=a, transposed=yes)",
        "INPUT 8x8x3 -> FC-10@a -> FC-192(share=a, transposed=yes)",
        """
<text>:1:43: error[share-mismatch]: fc2: transposed weights must have the shape of the others with inputs and outputs swapped, but it needs 10x191, and a has 192x10, which gives 10x192
  |
1 | INPUT 8x8x3 -> FC-10@a -> FC-191(share=a, transposed=yes)
  |                                           ^^^^^^^^^^^^^^
  = hint: FC-192 has 10x192
""",
    ),
    (
        "INPUT 8x8x4 -> FC-4@a -> DECONV3-4(share=a, transposed=yes)",
        "INPUT 8x8x4 -> CONV3-4@a -> DECONV3-4(share=a, transposed=yes)",
        """
<text>:1:36: error[share-mismatch]: share: transposed takes the weights of conv, but 'a' has fc
  |
1 | INPUT 8x8x4 -> FC-4@a -> DECONV3-4(share=a, transposed=yes)
  |                                    ^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4(standardized=yes)@a -> DECONV3-4(share=a, transposed=yes)",
        "INPUT 8x8x4 -> CONV3-4@a -> DECONV3-4(share=a, transposed=yes)",
        """
<text>:1:66: error[share-mismatch]: deconv1: weights with standardized cannot be transposed, and a has it
  |
1 | INPUT 8x8x4 -> CONV3-4(standardized=yes)@a -> DECONV3-4(share=a, transposed=yes)
  |                                                                  ^^^^^^^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4@a -> DECONV3-4(transposed=yes)",
        "INPUT 8x8x4 -> CONV3-4@a -> DECONV3-4(transposed=no)",
        """
<text>:1:39: error[missing-key]: DECONV3: transposed says how the weights of another layer are used
  |
1 | INPUT 8x8x4 -> CONV3-4@a -> DECONV3-4(transposed=yes)
  |                                       ^^^^^^^^^^^^^^
  = hint: write share=NAME with it, the name of a conv
""",
    ),
    (
        "INPUT 8x8x4 -> BN@a -> BN(share=a, transposed=yes)",
        "INPUT 8x8x4 -> BN@a -> BN(share=a)",
        """
<text>:1:36: error[unknown-key]: bn has no weights that can be those of another layer, transposed
  |
1 | INPUT 8x8x4 -> BN@a -> BN(share=a, transposed=yes)
  |                                    ^^^^^^^^^^^^^^
  = hint: they can be in conv (of deconv), deconv (of conv), fc (of fc), linear (of linear)
""",
    ),
    (
        "INPUT 8x8x4 -> FC-4@a -> CONV3-4(share=a)",
        "INPUT 8x8x4 -> CONV3-4@a -> CONV3-4(share=a)",
        """
<text>:1:34: error[share-mismatch]: share: the kinds must be the same, but 'a' has fc and this has conv
  |
1 | INPUT 8x8x4 -> FC-4@a -> CONV3-4(share=a)
  |                                  ^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> RELU@a -> RELU(share=a)",
        "INPUT 8x8x4 -> PRELU@a -> PRELU(share=a)",
        """
<text>:1:31: error[unknown-key]: relu has no parameters to share
  |
1 | INPUT 8x8x4 -> RELU@a -> RELU(share=a)
  |                               ^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4(share=b)@a -> CONV3-4(share=a)@b",
        "INPUT 8x8x4 -> CONV3-4(share=b)@a -> CONV3-4@b",
        """
<text>:1:24: error[cycle]: share: a refers to itself
  |
1 | INPUT 8x8x4 -> CONV3-4(share=b)@a -> CONV3-4(share=a)@b
  |                        ^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> RELU(trainable=no)",
        "INPUT 8x8x4 -> BN(trainable=no)",
        """
<text>:1:21: error[unknown-key]: relu has no parameters to freeze
  |
1 | INPUT 8x8x4 -> RELU(trainable=no)
  |                     ^^^^^^^^^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4(training_only=maybe)",
        "INPUT 8x8x4 -> CONV3-4(training_only=yes)",
        """
<text>:1:38: error[unset-variable]: variable without a value: maybe
  |
1 | INPUT 8x8x4 -> CONV3-4(training_only=maybe)
  |                                      ^^^^^
  = hint: give it a value: --set maybe=yes
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-4*yes",
        "INPUT 8x8x4 -> CONV3-4*2",
        """
<text>:1:24: error[wrong-type]: a repeat needs a whole number or a list, found 'yes'
  |
1 | INPUT 8x8x4 -> CONV3-4*yes
  |                        ^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-same",
        "INPUT 8x8x4 -> CONV3-4(pad=same)",
        """
<text>:1:22: error[wrong-type]: filters: expected a whole number of at least 1, found 'same'
  |
1 | INPUT 8x8x4 -> CONV3-same
  |                      ^^^^
""",
    ),
    (
        "INPUT 8x8x4 -> CONV3-n -> CONV3-m -> CONV-n",
        "INPUT 8x8x4 -> CONV3-n*[3] as n",
        """
<text>:1:22: error[unset-variable]: variables without a value: n, m
  |
1 | INPUT 8x8x4 -> CONV3-n -> CONV3-m -> CONV-n
  |                      ^
  = hint: give each a value: --set n=1 --set m=1
""",
    ),
    (
        "INPUT 9x9x3 -> CONV1x{3}-8",
        "INPUT 9x9x3 -> CONV{[1, 3]}-8",
        """
<text>:1:16: error[unknown-layer]: no layer kind or block 'CONV1x'
  |
1 | INPUT 9x9x3 -> CONV1x{3}-8
  |                ^^^^^^^^^^^
  = hint: write CONV{[1, 3]}
""",
    ),
    (
        "INPUT 9x9x3 -> CONV{3}x1-8",
        "INPUT 9x9x3 -> CONV{[3, 1]}-8",
        """
<text>:1:23: error[pattern-syntax]: expected '->', found 'x1'
  |
1 | INPUT 9x9x3 -> CONV{3}x1-8
  |                       ^^
  = hint: sizes of which one is an expression are a list in braces, as in CONV{[k, 1]}
""",
    ),
    (
        "INPUT 9x9x3 -> CONV-{ceil(9/2)}",
        "INPUT 9x9x3 -> CONV-{ceil(9*0.5)}",
        """
<text>:1:28: error[expression-syntax]: expected ')' or ',', found '/'
  |
1 | INPUT 9x9x3 -> CONV-{ceil(9/2)}
  |                            ^
  = hint: '//' divides and rounds down; '*' takes decimals, as in 0.5*w
""",
    ),
    (
        "INPUT 9x9x3 -> GELU(fast)",
        "INPUT 9x9x3 -> GELU(tanh)",
        """
<text>:1:21: error[unset-variable]: variable without a value: fast
  |
1 | INPUT 9x9x3 -> GELU(fast)
  |                     ^^^^
  = hint: form takes exact or tanh; to use a variable, give it a value: --set fast=exact
""",
    ),
    (
        "INPUT 4x9x9x3 -> CONV3-8(pad=[1, 1])",
        "INPUT 4x9x9x3 -> CONV3-8(pad=1)",
        """
<text>:1:26: error[wrong-sides]: conv1: pad: the volume has 3 sides (frames, height, width), so expected one number or 3 or 6, found 2: [1, 1]
  |
1 | INPUT 4x9x9x3 -> CONV3-8(pad=[1, 1])
  |                          ^^^^^^^^^^
  = hint: 1 alone stands for every side
""",
    ),
    (
        "INPUT 100x4 -> CONV3-8(pad=[1, 1, 1, 1])",
        "INPUT 100x4 -> CONV3-8(pad=[1, 1])",
        """
<text>:1:24: error[wrong-sides]: conv1: pad: the volume has 1 side (length), so expected one number or 2, found 4: [1, 1, 1, 1]
  |
1 | INPUT 100x4 -> CONV3-8(pad=[1, 1, 1, 1])
  |                        ^^^^^^^^^^^^^^^^
  = hint: 1 alone stands for every side
""",
    ),
    (
        "INPUT 8x8x3 -> POOL2(stride=[2, 2, 2])",
        "INPUT 8x8x3 -> POOL2(stride=[2, 2])",
        """
<text>:1:22: error[wrong-sides]: pool1: stride: the volume has 2 sides (height, width), so expected one number or 2, found 3: [2, 2, 2]
  |
1 | INPUT 8x8x3 -> POOL2(stride=[2, 2, 2])
  |                      ^^^^^^^^^^^^^^^^
  = hint: 2 alone stands for every side
""",
    ),
    (
        "INPUT 8x8x3 -> CROP5(at=[1])",
        "INPUT 8x8x3 -> CROP5(at=1)",
        """
<text>:1:22: error[wrong-sides]: crop1: at: the volume has 2 sides (height, width), so expected one number or 2, found 1: [1]
  |
1 | INPUT 8x8x3 -> CROP5(at=[1])
  |                      ^^^^^^
  = hint: 1 alone stands for every side
""",
    ),
    (
        "INPUT 8x8x3 -> CROP5(at=[1, 2, 3])",
        "INPUT 8x8x3 -> CROP5(at=[1, 2])",
        """
<text>:1:22: error[wrong-sides]: crop1: at: the volume has 2 sides (height, width), so expected one number or 2, found 3: [1, 2, 3]
  |
1 | INPUT 8x8x3 -> CROP5(at=[1, 2, 3])
  |                      ^^^^^^^^^^^^
""",
    ),
    (
        "INPUT 100x4 -> RESIZE(factor=[2, 1.5])",
        "INPUT 100x4 -> RESIZE(factor=1.5)",
        """
<text>:1:23: error[wrong-sides]: resize1: factor: the volume has 1 side (length), so expected one number, found 2: [2, 1.5]
  |
1 | INPUT 100x4 -> RESIZE(factor=[2, 1.5])
  |                       ^^^^^^^^^^^^^^^
""",
    ),
    (
        "INPUT 9x9x4 -> CONV(kernel=[3, 1.5], filters=4)",
        "INPUT 9x9x4 -> CONV3x2-4",
        """
<text>:1:21: error[wrong-type]: kernel: expected a whole number of at least 1, or one for each side, as [height, width], found [3, 1.5]
  |
1 | INPUT 9x9x4 -> CONV(kernel=[3, 1.5], filters=4)
  |                     ^^^^^^^^^^^^^^^
  = hint: in braces, floor(..) gives 1, ceil(..) 2 and round(..) 2
""",
    ),
    (
        "INPUT 9x9x4 -> UPSAMPLE2x3",
        "INPUT 9x9x4 -> RESIZE(factor=[2, 3])",
        """
<text>:1:16: error[wrong-type]: factor: expected a whole number of at least 1, found [2, 3]
  |
1 | INPUT 9x9x4 -> UPSAMPLE2x3
  |                ^^^^^^^^^^^
  = hint: RESIZE takes it: RESIZE(factor=[2, 3])
""",
    ),
    (
        "INPUT 9x9x3 -> POOL2@a -> SEQUENCE -> RESIZE(@a)",
        "INPUT 9x9x3 -> POOL2@a -> SEQUENCE -> PLANE4 -> RESIZE(@a)",
        """
<text>:1:39: error[merge-mismatch]: resize1: RESIZE needs volumes with the same number of sides, but gets [16x3] and [4x4x3]; SEQUENCE makes a sequence of a map, RESHAPE any other form
  |
1 | INPUT 9x9x3 -> POOL2@a -> SEQUENCE -> RESIZE(@a)
  |                                       ^^^^^^^^^^
""",
    ),
    (
        "INPUT 9x9x3 -> SLICE(2, 1)",
        "INPUT 9x9x3 -> SLICE(1, 2)",
        """
<text>:1:25: error[no-such-channel]: slice1: a slice must end after its beginning, but is from 2 to 1
  |
1 | INPUT 9x9x3 -> SLICE(2, 1)
  |                         ^
""",
    ),
    (
        "INPUT 9x9x3 -> SLICE(0, 1, axis=length)",
        "INPUT 9x9x3 -> SLICE(0, 1, axis=height)",
        """
<text>:1:28: error[wrong-sides]: slice1: axis: there is no length: a volume of 2 sides has height, width and depth
  |
1 | INPUT 9x9x3 -> SLICE(0, 1, axis=length)
  |                            ^^^^^^^^^^^
""",
    ),
    (
        "INPUT 9x9x3 -> LN(axes=[volume, depth])",
        "INPUT 9x9x3 -> LN(axes=[volume])",
        """
<text>:1:19: error[wrong-value]: axes: volume stands for all sides and the depth, so no other name may be beside it, found depth
  |
1 | INPUT 9x9x3 -> LN(axes=[volume, depth])
  |                   ^^^^^^^^^^^^^^^^^^^^
  = hint: write volume, or a list of the names of sides without it
""",
    ),
    (
        "INPUT 9x9x3 -> LN(axes=[hieght, depth])",
        "INPUT 9x9x3 -> LN(axes=[height, depth])",
        """
<text>:1:25: error[unset-variable]: variable without a value: hieght; did you mean 'height'?
  |
1 | INPUT 9x9x3 -> LN(axes=[hieght, depth])
  |                         ^^^^^^
""",
    ),
    (
        "INPUT 9x9x3 -> SLICE(-1)",
        "INPUT 9x9x3 -> SLICE({depth-1})",
        """
<text>:1:22: error[wrong-value]: from: expected a whole number, 0 or more, found -1
  |
1 | INPUT 9x9x3 -> SLICE(-1)
  |                      ^^
  = hint: a position from the end is written with the size: {depth-1}, or with axis=length {length-1}
""",
    ),
    (
        "INPUT 9x9x4@m -> SEQUENCE -> ATTENTION-2(@m)",
        "INPUT 9x9x4@m -> SEQUENCE -> ATTENTION-2",
        """
<text>:1:30: error[merge-mismatch]: attention1: the memory must have the same sides before the last, but [9x9x4] is read for [81x4]
  |
1 | INPUT 9x9x4@m -> SEQUENCE -> ATTENTION-2(@m)
  |                              ^^^^^^^^^^^^^^^
  = hint: SEQUENCE makes a sequence of the memory
""",
    ),
    (
        "INPUT 8x8x7 -> SHUFFLE3",
        "INPUT 8x8x7 -> SHUFFLE1",
        """
<text>:1:16: error[not-divisible]: shuffle1: the depth must be divisible by groups, but depth 7 is not divisible by 3
  |
1 | INPUT 8x8x7 -> SHUFFLE3
  |                ^^^^^^^^
  = hint: 1 group divides it
""",
    ),
    (
        "INPUT 8x8x6 -> DEPTH2SPACE2",
        "INPUT 8x8x6 -> CONV1-8 -> DEPTH2SPACE2",
        """
<text>:1:16: error[not-divisible]: depth2space1: the depth must be divisible by the places of a block, but depth 6 is not divisible by 4
  |
1 | INPUT 8x8x6 -> DEPTH2SPACE2
  |                ^^^^^^^^^^^^
  = hint: CONV1-8 before it gives a divisible depth
""",
    ),
    (
        "INPUT 8x8x7 -> GLU",
        "INPUT 8x8x7 -> LINEAR-8 -> GLU",
        """
<text>:1:16: error[not-divisible]: glu1: GLU halves the depth, so the depth must be even, but it is 7
  |
1 | INPUT 8x8x7 -> GLU
  |                ^^^
  = hint: LINEAR-8 before it gives an even depth
""",
    ),
    (
        "INPUT 7x5x4 -> RESIZE(factor=0.1)",
        "INPUT 7x5x4 -> RESIZE(factor=[0.15, 0.2])",
        """
<text>:1:23: error[volume-vanishes]: resize1: a side must stay at least 1, but floor(7*0.1) of height 7 is 0
  |
1 | INPUT 7x5x4 -> RESIZE(factor=0.1)
  |                       ^^^^^^^^^^
  = hint: the height stays 1 with a factor of 0.15
""",
    ),
    (
        "INPUT 8x8x4 -> AFFINE([1, 2, 3])",
        "INPUT 8x8x4 -> AFFINE(factor=1)",
        """
<text>:1:23: error[wrong-depth]: affine1: a list has one number for each channel, but factor has 3 for depth 4
  |
1 | INPUT 8x8x4 -> AFFINE([1, 2, 3])
  |                       ^^^^^^^^^
  = hint: factor=1 is one number for all channels
""",
    ),
    (
        "INPUT 12x8x6 -> WINDOW(2x4) -> UNWINDOW(9x8)",
        "INPUT 12x8x6 -> WINDOW(2x4) -> UNWINDOW(6x16)",
        """
<text>:1:41: error[windows-mismatch]: unwindow1: windows put together keep the number of positions, but 12*8 = 96 and the map 9x8 has 72
  |
1 | INPUT 12x8x6 -> WINDOW(2x4) -> UNWINDOW(9x8)
  |                                         ^^^
  = hint: write the sides of the map that WINDOW cut, such as 6x16
""",
    ),
    (
        "INPUT 9x6 -> ATTENTION(4, dim=10)",
        "INPUT 9x6 -> ATTENTION(5, dim=10)",
        """
<text>:1:24: error[not-divisible]: heads: they must divide dim, but 10 is not divisible by 4
  |
1 | INPUT 9x6 -> ATTENTION(4, dim=10)
  |                        ^
  = hint: 5 heads divide it; head_dim in place of dim sets the depth of each head
""",
    ),
    (
        "INPUT 9x6 -> ATTENTION(3, dim=8, head_dim=3)",
        "INPUT 9x6 -> ATTENTION(3, dim=9, head_dim=3)",
        """
<text>:1:27: error[wrong-value]: dim: it is heads*head_dim, but 3*3 = 9 is not 8
  |
1 | INPUT 9x6 -> ATTENTION(3, dim=8, head_dim=3)
  |                           ^^^^^
  = hint: leave dim out, or write dim=9
""",
    ),
    (
        "INPUT 12x6 -> ATTENTION(3, relative=2x4)",
        "INPUT 12x6 -> ATTENTION(3, relative=3x4)",
        """
<text>:1:28: error[plane-mismatch]: attention1: relative biases are for a plane with as many positions, but 2x4 has 8 and the sequence 12
  |
1 | INPUT 12x6 -> ATTENTION(3, relative=2x4)
  |                            ^^^^^^^^^^^^
  = hint: write the sides of the map or window that the sequence was, such as relative=3x4
""",
    ),
    (
        "INPUT 7x3x6 -> GAP -> SEQUENCE@m -> FROM(@input) -> SEQUENCE -> ATTENTION-3(@m, relative=7x3)",
        "INPUT 7x3x6 -> GAP -> SEQUENCE@m -> FROM(@input) -> SEQUENCE -> ATTENTION-3(@m)",
        """
<text>:1:81: error[plane-mismatch]: attention1: relative biases are for a plane with as many positions, but 7x3 has 21 and the sequence 1
  |
1 | INPUT 7x3x6 -> GAP -> SEQUENCE@m -> FROM(@input) -> SEQUENCE -> ATTENTION-3(@m, relative=7x3)
  |                                                                                 ^^^^^^^^^^^^
  = hint: leave relative out
""",
    ),
    (
        "INPUT 9x6 -> ATTENTION-4",
        "INPUT 9x6 -> ATTENTION-3",
        """
<text>:1:24: error[not-divisible]: attention1: the heads must divide the depth, but depth 6 is not divisible by 4
  |
1 | INPUT 9x6 -> ATTENTION-4
  |                        ^
  = hint: 3 heads divide it; head_dim sets the depth of each head
""",
    ),
    (
        "INPUT 9x6 -> ATTENTION-100000000000000000",
        "INPUT 9x6 -> ATTENTION-1",
        """
<text>:1:24: error[not-divisible]: attention1: the heads must divide the depth, but depth 6 is not divisible by 100000000000000000
  |
1 | INPUT 9x6 -> ATTENTION-100000000000000000
  |                        ^^^^^^^^^^^^^^^^^^
  = hint: 6 heads divide it; head_dim sets the depth of each head
""",
    ),
    (
        "INPUT 9x8x3 -> [ | CONV1-3] -> MATMUL",
        "INPUT 9x8x3 -> [ | CONV1-3] -> MATMUL(transpose=yes)",
        """
<text>:1:32: error[merge-mismatch]: matmul1: the depth of the first volume must be the width of the second, but [9x8x3] has 3 and [9x8x3] 8
  |
1 | INPUT 9x8x3 -> [ | CONV1-3] -> MATMUL
  |                                ^^^^^^
  = hint: MATMUL(transpose=yes) multiplies along both depths
""",
    ),
    (
        "INPUT 8x8x8 -> [ | CONV1-4] -> MATMUL(transpose=yes)",
        "INPUT 8x8x8 -> [ | CONV1-4] -> MATMUL",
        """
<text>:1:32: error[merge-mismatch]: matmul1: the depth of the first volume must be the depth of the second, but [8x8x8] has 8 and [8x8x4] 4
  |
1 | INPUT 8x8x8 -> [ | CONV1-4] -> MATMUL(transpose=yes)
  |                                ^^^^^^^^^^^^^^^^^^^^^
  = hint: it fits without transpose
""",
    ),
    (
        "INPUT 9x8x3 -> [ | SEQUENCE] -> MATMUL",
        "INPUT 9x8x3 -> [SEQUENCE | SEQUENCE] -> MATMUL(transpose=yes)",
        """
<text>:1:33: error[merge-mismatch]: matmul1: MATMUL needs volumes with the same number of sides, but gets [9x8x3] and [72x3]; SEQUENCE makes a sequence of a map, RESHAPE any other form
  |
1 | INPUT 9x8x3 -> [ | SEQUENCE] -> MATMUL
  |                                 ^^^^^^
""",
    ),
    (
        "INPUT 8x8x3 -> RESHAPE([-1, 3])",
        "INPUT 8x8x3 -> RESHAPE([height*width, depth])",
        """
<text>:1:24: error[wrong-value]: size: each part of a size is at least 1, found -1x3
  |
1 | INPUT 8x8x3 -> RESHAPE([-1, 3])
  |                        ^^^^^^^
  = hint: write the part as an expression of height, width and depth
""",
    ),
    (
        "INPUT 9x9x3 -> SPACE2DEPTH2",
        "INPUT 9x9x3 -> PAD([0, 0, 1, 1]) -> SPACE2DEPTH2",
        """
<text>:1:16: error[not-divisible]: space2depth1: the block must divide every side, but height 9 is not divisible by 2
  |
1 | INPUT 9x9x3 -> SPACE2DEPTH2
  |                ^^^^^^^^^^^^
  = hint: PAD([0, 0, 1, 1]) before it adds what is missing
""",
    ),
    (
        "INPUT 9x9x3 -> WINDOW4",
        "INPUT 9x9x3 -> PAD([0, 0, 3, 3]) -> WINDOW4",
        """
<text>:1:16: error[not-divisible]: window1: windows must divide the map, but height 9 is not divisible by 4
  |
1 | INPUT 9x9x3 -> WINDOW4
  |                ^^^^^^^
  = hint: PAD([0, 0, 3, 3]) before it adds what is missing
""",
    ),
    (
        "INPUT 8x8x8 -> LPPOOL2(power={10**20})",
        "INPUT 8x8x8 -> LPPOOL2(power={10**2})",
        """
<text>:1:24: error[limit]: power: a number of this key is below 2**64, found 100000000000000000000
  |
1 | INPUT 8x8x8 -> LPPOOL2(power={10**20})
  |                        ^^^^^^^^^^^^^^
""",
    ),
]

FILES = [
    (
        "input: 8x8x4\nlayers:\n  - conv: {filters: 010, kernel: 1_000, stride: 12:30, pad: on}\n",
        "input: 8x8x4\nlayers:\n  - conv: {filters: 10, kernel: 3, stride: 2, pad: 1}\n",
        """
<text>:3:12: error[wrong-type]: filters: expected a whole number of at least 1, found '010'
  |
3 |   - conv: {filters: 010, kernel: 1_000, stride: 12:30, pad: on}
  |            ^^^^^^^^^^^^
  = hint: YAML would read 010 as 8; write 10 (or 8)

<text>:3:26: error[wrong-type]: kernel: expected a whole number of at least 1, or one for each side, as [height, width], found '1_000'
  |
3 |   - conv: {filters: 010, kernel: 1_000, stride: 12:30, pad: on}
  |                          ^^^^^^^^^^^^^
  = hint: write 1000

<text>:3:41: error[wrong-type]: stride: expected a whole number of at least 1, or one for each side, as [height, width], found '12:30'
  |
3 |   - conv: {filters: 010, kernel: 1_000, stride: 12:30, pad: on}
  |                                         ^^^^^^^^^^^^^
  = hint: YAML would read 12:30 as 750, a time in base 60

<text>:3:56: error[wrong-type]: pad: expected a whole number of at least 0, [height, width], [top, left, bottom, right], same or valid, found 'on'
  |
3 |   - conv: {filters: 010, kernel: 1_000, stride: 12:30, pad: on}
  |                                                        ^^^^^^^
""",
    ),
    (
        "input: 8x8x4\nlayers:\n  - conv: {filters: 4, kernl: 3, filters: 5}\n",
        "input: 8x8x4\nlayers:\n  - conv: {filters: 4, kernel: 3}\n",
        """
<text>:3:24: error[unknown-key]: conv has no key 'kernl'; did you mean 'kernel'?
  |
3 |   - conv: {filters: 4, kernl: 3, filters: 5}
  |                        ^^^^^^^^

<text>:3:34: error[repeated-key]: the key 'filters' is repeated; it is already on line 3
  |
3 |   - conv: {filters: 4, kernl: 3, filters: 5}
  |                                  ^^^^^^^
""",
    ),
    (
        "input: 8x8x4\nlayers:\n  - conv: {filters: 0, stride: 0, pad: -1}\n",
        "input: 8x8x4\nlayers:\n  - conv: {filters: 1, stride: 1, pad: 1}\n",
        """
<text>:3:12: error[wrong-value]: filters: expected a whole number of at least 1, found 0
  |
3 |   - conv: {filters: 0, stride: 0, pad: -1}
  |            ^^^^^^^^^^

<text>:3:24: error[wrong-value]: stride: expected a whole number of at least 1, or one for each side, as [height, width], found 0
  |
3 |   - conv: {filters: 0, stride: 0, pad: -1}
  |                        ^^^^^^^^^

<text>:3:35: error[negative-pad]: pad: a pad must be 0 or more, found -1; the layer PAD can crop
  |
3 |   - conv: {filters: 0, stride: 0, pad: -1}
  |                                   ^^^^^^^
""",
    ),
    (
        "input: 8x8x4\nlayers:\n  - [CONV3-4 -> RELU]*2\n  - FC-2\n",
        'input: 8x8x4\nlayers:\n  - "[CONV3-4 -> RELU]*2"\n  - FC-2\n',
        """
<text>:3:22: error[yaml-syntax]: YAML: did not find expected '-' indicator
  |
3 |   - [CONV3-4 -> RELU]*2
  |                      ^
  = hint: YAML reads '[' as a list; put the pattern into quotes: "[CONV3-4 -> RELU]*2", or write it as a block with '|'
""",
    ),
    (
        "input: 8x8x4\nlayers:\n  - [CONV3-4 -> RELU]\n",
        'input: 8x8x4\nlayers:\n  - "[CONV3-4 -> RELU]"\n',
        """
<text>:3:5: error[yaml-quotes]: YAML parsed [CONV3-4 -> RELU] as a list, but a pattern is a text
  |
3 |   - [CONV3-4 -> RELU]
  |     ^^^^^^^^^^^^^^^^^
  = hint: write it in quotes: "[CONV3-4 -> RELU]"
""",
    ),
    (
        "input: 8x8x4\nlayers: [CONV3-4 -> RELU]*2 -> FC-2\n",
        'input: 8x8x4\nlayers: "[CONV3-4 -> RELU]*2 -> FC-2"\n',
        """
<text>:2:26: error[yaml-syntax]: YAML: did not find expected key
  |
2 | layers: [CONV3-4 -> RELU]*2 -> FC-2
  |                          ^
  = hint: YAML reads '[' as a list; put the pattern into quotes: "[CONV3-4 -> RELU]*2 -> FC-2", or write it as a block with '|'
""",
    ),
    (
        "input: 8x8x4\nvariables: {classes: 10}\nlayers:\n  - fc: {units: {classes}}\n",
        'input: 8x8x4\nvariables: {classes: 10}\nlayers:\n  - fc: {units: "{classes}"}\n',
        """
<text>:4:17: error[yaml-quotes]: YAML parsed {classes} as a mapping, but an expression is a text
  |
4 |   - fc: {units: {classes}}
  |                 ^^^^^^^^^
  = hint: write it in quotes: "{classes}"
""",
    ),
    (
        "input: 8x8x4\nvariables: {classes: 10}\nlayers:\n  - fc: classes\n",
        'input: 8x8x4\nvariables: {classes: 10}\nlayers:\n  - fc: "{classes}"\n',
        """
<text>:4:9: error[wrong-type]: units: expected a whole number of at least 1, found 'classes'
  |
4 |   - fc: classes
  |         ^^^^^^^
  = hint: a variable or an expression is written in braces: "{classes}"
""",
    ),
    (
        "input: 8x8x4\nvariables: {k: 3}\nlayers:\n  - conv: {filters: depth*2, kernel: [k, 1]}\n",
        'input: 8x8x4\nvariables: {k: 3}\nlayers:\n  - conv: {filters: "{depth*2}", kernel: "{[k, 1]}"}\n',
        """
<text>:4:12: error[wrong-type]: filters: expected a whole number of at least 1, found 'depth*2'
  |
4 |   - conv: {filters: depth*2, kernel: [k, 1]}
  |            ^^^^^^^^^^^^^^^^
  = hint: a variable or an expression is written in braces: "{depth*2}"

<text>:4:30: error[wrong-type]: kernel: expected a whole number of at least 1, or one for each side, as [height, width], found ['k', 1]
  |
4 |   - conv: {filters: depth*2, kernel: [k, 1]}
  |                              ^^^^^^^^^^^^^^
  = hint: a variable or an expression is written in braces: "{[k, 1]}"
""",
    ),
    (
        "input: 8x8x4\nvariables: {w: 2, wide: w*4}\nlayers: CONV3-w\n",
        'input: 8x8x4\nvariables: {w: 2, wide: "{w*4}"}\nlayers: CONV3-w\n',
        """
<text>:2:25: error[wrong-type]: wide: a variable holds numbers, sizes, lists of them or a key word, found 'w*4'
  |
2 | variables: {w: 2, wide: w*4}
  |                         ^^^
  = hint: a variable or an expression is written in braces: "{w*4}"
""",
    ),
    (
        "input: 8x8x4\nblocks:\n  wide(n):\n    - conv: {filters: n, bias: m}\nlayers: [wide: {n: 4}]\n",
        'input: 8x8x4\nblocks:\n  wide(n):\n    - conv: {filters: "{n}", bias: no}\nlayers: [wide: {n: 4}]\n',
        """
<text>:4:14: error[wrong-type]: filters: expected a whole number of at least 1, found 'n'
  |
4 |     - conv: {filters: n, bias: m}
  |              ^^^^^^^^^^
  = hint: a variable or an expression is written in braces: "{n}"

<text>:4:26: error[wrong-type]: bias: expected yes or no, found 'm'
  |
4 |     - conv: {filters: n, bias: m}
  |                          ^^^^^^^
""",
    ),
    (
        "input: 8x8x4\nlayers: >\n  CONV3-4 -> # the first\n  RELU\n",
        "input: 8x8x4\nlayers: |\n  CONV3-4 -> # the first\n  RELU\n",
        """
<text>:3:14: error[folded-comment]: YAML folded this pattern into one line, so '#' would comment out the rest
  |
3 |   CONV3-4 -> # the first
  |              ^
  = hint: write the pattern as a block: 'layers: |' and the pattern on the next lines
""",
    ),
    (
        "input: 8x8x4\nlayers:\n  CONV3-4 -> # the first\n  RELU\n",
        "input: 8x8x4\nlayers: |\n  CONV3-4 -> # the first\n  RELU\n",
        """
<text>:4:3: error[yaml-syntax]: YAML: did not find expected key
  |
4 |   RELU
  |   ^
  = hint: YAML ends a bare text at ' #'; write the pattern as a block: 'layers: |' and the pattern below it
""",
    ),
    (
        "input: 8x8x4\nlayers:\n  - conv: {name: a, filters: 4}\n  - conv: {name: b, filters: 4, inputs: c}\n  - conv: {name: c, filters: 4, inputs: b}\n",
        "input: 8x8x4\nlayers:\n  - conv: {name: a, filters: 4}\n  - conv: {name: b, filters: 4, inputs: c}\n  - conv: {name: c, filters: 4, inputs: a}\n",
        """
<text>:4:5: error[cycle]: the layers form a cycle: b -> c -> b
  |
4 |   - conv: {name: b, filters: 4, inputs: c}
  |     ^^^^
""",
    ),
    (
        "input: 8x8x4\nlayers:\n  - conv: {name: a, filters: 4}\n  - conv: {filters: 4, inputs: b}\n",
        "input: 8x8x4\nlayers:\n  - conv: {name: a, filters: 4}\n  - conv: {filters: 4, inputs: a}\n",
        """
<text>:4:32: error[unknown-name]: unknown layer 'b' (names: a, input)
  |
4 |   - conv: {filters: 4, inputs: b}
  |                                ^
""",
    ),
    (
        "input: 8x8x4\nlayers:\n  - conv: {name: a, filters: 4}\n  - conv: {name: a, filters: 4}\n",
        "input: 8x8x4\nlayers:\n  - conv: {name: a, filters: 4}\n  - conv: {name: b, filters: 4}\n",
        """
<text>:4:18: error[repeated-name]: the name 'a' is defined twice
  |
4 |   - conv: {name: a, filters: 4}
  |                  ^
""",
    ),
    (
        "input: 8x8x4\nlayers:\n  - conv: 4\n  - add: [conv1, input]\n",
        "input: 8x8x4\nlayers:\n  - conv: 4\n  - add: {inputs: [conv1, input]}\n",
        """
<text>:4:10: error[unknown-key]: ADD takes no value without a key
  |
4 |   - add: [conv1, input]
  |          ^^^^^^^^^^^^^^
  = hint: write add: {inputs: [a, b]}
""",
    ),
    (
        "input: 8x8x4\nlayers:\n  - conv:\n    filters: 4\n",
        "input: 8x8x4\nlayers:\n  - conv:\n      filters: 4\n",
        """
<text>:3:5: error[wrong-type]: an entry has one layer kind, but this one has 2 keys
  |
3 |   - conv:
  |     ^^^^^
  = hint: put the keys into braces, as in conv: {stride: 2}, or indent them further
""",
    ),
    (
        "input: 8x8x4\nlayers:\n  - conv: {name: a, filters: 4}\n  - pool: 2\n  - relu: {inputs: a}\n",
        "input: 8x8x4\nlayers:\n  - conv: {name: a, filters: 4}\n  - pool: {name: p, kernel: 2}\n  - relu: {inputs: a}\n",
        """
<text>:4:5: error[unread-volume]: the output of pool1 is not used
  |
4 |   - pool: 2
  |     ^^^^
  = hint: give it a name if it is an output, or merge it
""",
    ),
    (
        "input: 8x8x4\nlayers:\n  -\n  - relu\n",
        "input: 8x8x4\nlayers:\n  - relu\n",
        """
<text>:3:4: error[wrong-type]: expected a layer, found nothing
  |
3 |   -
  |    ^
""",
    ),
    (
        "input: 8x8x4\nlayers: {conv: 3}\n",
        "input: 8x8x4\nlayers: [conv: 3]\n",
        """
<text>:2:9: error[wrong-type]: layers: expected a pattern or a list of layers, but YAML parsed a mapping
  |
2 | layers: {conv: 3}
  |         ^^^^^^^^^
  = hint: begin each layer with '- '
""",
    ),
    (
        "input: 8x8x4\nlayers:\n",
        "input: 8x8x4\nlayers: RELU\n",
        """
<text>:2:8: error[wrong-type]: layers: expected a pattern, found nothing
  |
2 | layers:
  |        ^
""",
    ),
    (
        "input: 8x8x4\nlayer: RELU\n",
        "input: 8x8x4\nlayers: RELU\n",
        """
<text>:2:1: error[unknown-key]: an architecture file has no key 'layer'; did you mean 'layers'?
  |
2 | layer: RELU
  | ^^^^^

<text>:1:1: error[missing-key]: an architecture file needs the key 'layers'
  |
1 | input: 8x8x4
  | ^^^^^
""",
    ),
    (
        "input: 8x8x4\nlayers: RELU\nlayers: RELU\n",
        "input: 8x8x4\nlayers: RELU\n",
        """
<text>:3:1: error[repeated-key]: the key 'layers' is repeated; it is already on line 2
  |
3 | layers: RELU
  | ^^^^^^
""",
    ),
    (
        "- relu\n",
        "input: 8x8x4\nlayers: [relu]\n",
        """
<text>:1:1: error[pattern-syntax]: expected a layer or '[', found '-'
  |
1 | - relu
  | ^
""",
    ),
    (
        "input: 8x8x8x8x8\nlayers: RELU\n",
        "input: 8x8x1\nlayers: RELU\n",
        """
<text>:1:8: error[wrong-type]: input: expected a size of two to four parts, depth last, as height x width x depth in 224x224x3
  |
1 | input: 8x8x8x8x8
  |        ^^^^^^^^^
""",
    ),
    (
        "input: 8x8x4\nlayers: INPUT 8x8x3 -> RELU\n",
        "input: 8x8x4\nlayers: INPUT -> RELU\n",
        """
<text>:2:9: error[volume-mismatch]: the input is [8x8x4] by the key 'input', but [8x8x3] here
  |
2 | layers: INPUT 8x8x3 -> RELU
  |         ^^^^^^^^^^^
""",
    ),
    (
        "input: 8x8x4\ndefaults: {cnv: {bias: no}, conv: {bas: no}, pool: 3}\nlayers: RELU\n",
        "input: 8x8x4\ndefaults: {conv: {bias: no}, pool: {kernel: 3}}\nlayers: RELU\n",
        """
<text>:2:12: error[unknown-layer]: defaults: no layer kind 'cnv'; did you mean 'conv'?
  |
2 | defaults: {cnv: {bias: no}, conv: {bas: no}, pool: 3}
  |            ^^^

<text>:2:36: error[unknown-key]: defaults: conv has no key 'bas'; did you mean 'bias'?
  |
2 | defaults: {cnv: {bias: no}, conv: {bas: no}, pool: 3}
  |                                    ^^^

<text>:2:52: error[wrong-type]: defaults of pool: expected a mapping of keys, as in {bias: no}
  |
2 | defaults: {cnv: {bias: no}, conv: {bas: no}, pool: 3}
  |                                                    ^
""",
    ),
    (
        "input: 8x8x4\ndefaults: {pool: {kernel: 0}}\nlayers: POOL -> POOL2\n",
        "input: 8x8x4\ndefaults: {pool: {kernel: 3}}\nlayers: POOL -> POOL2\n",
        """
<text>:2:27: error[wrong-value]: kernel: expected a whole number of at least 1, or one for each side, as [height, width], found 0
  |
2 | defaults: {pool: {kernel: 0}}
  |                           ^
""",
    ),
    (
        "input: 8x8x4\ndefaults: {conv: {trainable: maybe}}\nlayers: CONV3-4\n",
        "input: 8x8x4\ndefaults: {conv: {trainable: no}}\nlayers: CONV3-4\n",
        """
<text>:2:30: error[wrong-type]: trainable: expected yes or no, found 'maybe'
  |
2 | defaults: {conv: {trainable: maybe}}
  |                              ^^^^^
""",
    ),
    (
        "input: 8x8x4\nblocks:\n  a(w): b(w) -> CONV3-w\n  b(w): a(w)\nlayers: a(3)\n",
        "input: 8x8x4\nblocks:\n  a(w): b(w) -> CONV3-w\n  b(w): CONV3-w\nlayers: a(3)\n",
        """
<text>:3:3: error[recursive-block]: blocks cannot call themselves: a -> b -> a
  |
3 |   a(w): b(w) -> CONV3-w
  |   ^^^^
""",
    ),
    (
        "input: 8x8x4\nblocks:\n  c3(w): CONV3-w\n  relu: CONV3-4\nlayers: RELU\n",
        "input: 8x8x4\nblocks:\n  c(w): CONV3-w\nlayers: RELU\n",
        """
<text>:3:3: error[wrong-name]: a block's name cannot end in a digit, since c3 would be read as a kernel of 3
  |
3 |   c3(w): CONV3-w
  |   ^^^^^

<text>:4:3: error[wrong-name]: a block cannot have the name of a layer kind: 'relu'
  |
4 |   relu: CONV3-4
  |   ^^^^
""",
    ),
    (
        "input: 8x8x4\nblocks:\n  u(w, s=1): CONV3-w/s\nlayers: u -> u(3, 2, 1) -> u(w=3, t=2) -> u3-4\n",
        "input: 8x8x4\nblocks:\n  u(w, s=1): CONV3-w/s\nlayers: u(4) -> u(3, 2) -> u(w=3, s=2)\n",
        """
<text>:4:9: error[missing-key]: the block u needs a value for w
  |
4 | layers: u -> u(3, 2, 1) -> u(w=3, t=2) -> u3-4
  |         ^

<text>:4:22: error[unknown-key]: the block u takes 2 values, but more are given
  |
4 | layers: u -> u(3, 2, 1) -> u(w=3, t=2) -> u3-4
  |                      ^

<text>:4:35: error[unknown-key]: the block u has no parameter 't'
  |
4 | layers: u -> u(3, 2, 1) -> u(w=3, t=2) -> u3-4
  |                                   ^^^

<text>:4:43: error[unknown-key]: the block u has no parameter named kernel, so it takes no number after its name
  |
4 | layers: u -> u(3, 2, 1) -> u(w=3, t=2) -> u3-4
  |                                           ^^^^

<text>:4:46: error[unknown-key]: the block u has no parameter named filters or units, so it takes no '-'
  |
4 | layers: u -> u(3, 2, 1) -> u(w=3, t=2) -> u3-4
  |                                              ^
""",
    ),
    (
        "input: 8x8x4\nblocks:\n  u(w=1, s): CONV3-w/s\nlayers: RELU\n",
        "input: 8x8x4\nblocks:\n  u(w, s=1): CONV3-w/s\nlayers: RELU\n",
        """
<text>:3:10: error[pattern-syntax]: 's' needs a default, since the parameter before it has one
  |
3 |   u(w=1, s): CONV3-w/s
  |          ^
""",
    ),
    (
        "input: 8x8x4\nblocks: {u: CONV3-3 -> RELU}\nlayers: 'u: [8x8x4]'\n",
        "input: 8x8x4\nblocks: {u: CONV3-3 -> RELU}\nlayers: 'u: [8x8x3]'\n",
        """
<text>:3:13: error[volume-mismatch]: u1.relu1: the text states [8x8x4], but RELU gives [8x8x3] from [8x8x3]
  |
3 | layers: 'u: [8x8x4]'
  |             ^^^^^^^
""",
    ),
    (
        'input: 8x8x4\nvariables: {a: "{b}", b: 3}\nlayers: CONV-a\n',
        'input: 8x8x4\nvariables: {b: 3, a: "{b}"}\nlayers: CONV-a\n',
        """
<text>:2:16: error[unset-variable]: a: a variable can use only earlier variables, but 'b' has no value yet
  |
2 | variables: {a: "{b}", b: 3}
  |                ^^^^^
""",
    ),
    (
        "input: 8x8x4\nvariables: {a: 0x10, if: 3, 'x y': 2, d: foo}\nlayers: RELU\n",
        "input: 8x8x4\nvariables: {a: 16, f: 3, x_y: 2, d: same}\nlayers: RELU\n",
        """
<text>:2:16: error[wrong-type]: a: a variable holds numbers, sizes, lists of them or a key word, found '0x10'
  |
2 | variables: {a: 0x10, if: 3, 'x y': 2, d: foo}
  |                ^^^^
  = hint: write 16

<text>:2:22: error[reserved-name]: 'if' is reserved and cannot be the name of a variable
  |
2 | variables: {a: 0x10, if: 3, 'x y': 2, d: foo}
  |                      ^^

<text>:2:29: error[wrong-name]: a variable's name holds letters, digits and '_', found 'x y'
  |
2 | variables: {a: 0x10, if: 3, 'x y': 2, d: foo}
  |                             ^^^^^

<text>:2:42: error[wrong-type]: d: a variable holds numbers, sizes, lists of them or a key word, found 'foo'
  |
2 | variables: {a: 0x10, if: 3, 'x y': 2, d: foo}
  |                                          ^^^
""",
    ),
    (
        "input: 8x8x4\nvariables: {a: , b: }\nlayers: CONV-a -> CONV-b -> CONV-c\n",
        "input: 8x8x4\nvariables: {a: 1, b: 2, c: 3}\nlayers: CONV-a -> CONV-b -> CONV-c\n",
        """
<text>:3:14: error[unset-variable]: variables without a value: a, b, c
  |
3 | layers: CONV-a -> CONV-b -> CONV-c
  |              ^
  = hint: give each a value: --set a=1 --set b=1 --set c=1
""",
    ),
    (
        "input: 8x8x4\n<<: {layers: RELU}\nlayers: RELU\n",
        "input: 8x8x4\nlayers: RELU\n",
        """
<text>:2:1: error[yaml-merge]: merge keys ('<<') are not supported
  |
2 | <<: {layers: RELU}
  | ^^
""",
    ),
    (
        "input: 8x8x4\nlayers: !!str RELU\n",
        "input: 8x8x4\nlayers: RELU\n",
        """
<text>:2:9: error[yaml-tag]: YAML tags are not allowed: tag:yaml.org,2002:str
  |
2 | layers: !!str RELU
  |         ^^^^^^^^^^
""",
    ),
    (
        "input: 8x8x4\nlayers: RELU\n---\nlayers: RELU\n",
        "input: 8x8x4\nlayers: RELU\n",
        """
<text>:3:1: error[yaml-syntax]: an architecture file has one document, but a second one begins here
  |
3 | ---
  | ^^^
""",
    ),
    (
        "input: 8x8x4\nlayers: *a\n",
        "name: &a RELU\ninput: 8x8x4\nlayers: *a\n",
        """
<text>:2:9: error[yaml-syntax]: the alias '*a' is inside or before its anchor
  |
2 | layers: *a
  |         ^^
""",
    ),
    (
        "input: 8x8x4\n? [a, b]\n: 3\nlayers: RELU\n",
        "input: 8x8x4\nlayers: RELU\n",
        """
<text>:2:3: error[wrong-type]: a key must be a word, but YAML parsed a list or mapping
  |
2 | ? [a, b]
  |   ^^^^^^
""",
    ),
    (
        'input: 8x8x4\nlayers: "RELU \\u2192 RLU"\n',
        'input: 8x8x4\nlayers: "RELU \\u2192 RELU"\n',
        """
<text>:2:22: error[unknown-layer]: no layer kind or block 'RLU'; did you mean 'RELU'?
  |
2 | layers: "RELU \\u2192 RLU"
  |                      ^^^
""",
    ),
    (
        "input: 8x8x4\nlayers: |\n  RELU ->\n  RLU -> CONV3-4(kernl=3)\n  -> DNSE-3\n",
        "input: 8x8x4\nlayers: |\n  RELU ->\n  RELU -> CONV-4(kernel=3)\n  -> FC-3\n",
        """
<text>:4:3: error[unknown-layer]: no layer kind or block 'RLU'; did you mean 'RELU'?
  |
4 |   RLU -> CONV3-4(kernl=3)
  |   ^^^

<text>:4:18: error[unknown-key]: conv has no key 'kernl'; did you mean 'kernel'?
  |
4 |   RLU -> CONV3-4(kernl=3)
  |                  ^^^^^^^

<text>:5:6: error[unknown-layer]: no layer kind or block 'DNSE'
  |
5 |   -> DNSE-3
  |      ^^^^^^
""",
    ),
    (
        "input: 8x8x4\nlayers: 'RELU\n",
        "input: 8x8x4\nlayers: 'RELU'\n",
        """
<text>:2:14: error[yaml-syntax]: YAML: found unexpected end of stream
  |
2 | layers: 'RELU
  |              ^
""",
    ),
    (
        'input: 8x8x4\nlayers: "a\x07b"\n',
        'input: 8x8x4\nlayers: "RELU"\n',
        """
<text>:2:11: error[yaml-syntax]: control characters are not allowed in YAML, found \\x07
  |
2 | layers: "a\\x07b"
  |           ^^^^
""",
    ),
]


@each("wrong,right,message", PATTERNS, ids=lambda case: case[0])
def test_an_invalid_pattern_is_refused_at_its_mistake(wrong: str, right: str, message: str) -> None:
    with pytest.raises(DesignError) as caught:
        account(read_pattern("<text>", wrong))
    assert str(caught.value) == message.strip("\n")
    account(read_pattern("<text>", right))


@each("wrong,right,message", FILES, ids=lambda case: case[0])
def test_an_invalid_file_is_refused_at_its_mistake(wrong: str, right: str, message: str) -> None:
    with pytest.raises(DesignError) as caught:
        account(read_design("<text>", wrong))
    assert str(caught.value) == message.strip("\n")
    account(read_design("<text>", right))


LONG = "7" * 6000


@pytest.mark.parametrize(
    "text",
    [
        f"input: {LONG}x8x3\nlayers: RELU\n",
        f"input: [{LONG}, 8, 3]\nlayers: RELU\n",
        f"input: 8x8x3\nlayers:\n  - relu: [{LONG}x8x3]\n",
        *[f"input: 8x8x3\nlayers:\n  - conv: {number}\n" for number in (LONG, f"0{LONG}", f"0x{LONG}", f"{LONG}:30")],
        f"input: 8x8x3\nlayers: RELU\nvariables: {{w: 0{LONG}}}\n",
    ],
)
def test_a_number_with_more_digits_than_python_converts_is_refused(text: str) -> None:
    with pytest.raises(DesignError) as caught:
        read_design("<text>", text)
    assert caught.value.first.code in ("limit", "wrong-type")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("-010", "YAML would read -010 as -8; write -10 (or -8)"),
        ("-12:30", "YAML would read -12:30 as -750, a time in base 60"),
        ("-1_0", "write -10"),
        ("-0x1f", "write -31"),
    ],
)
def test_the_hint_for_a_number_that_yaml_converts_keeps_its_sign(text: str, hint: str) -> None:
    with pytest.raises(DesignError) as caught:
        read_design("<text>", f"input: 8x8x3\nlayers:\n  - pad: {{pad: {text}}}\n")
    assert caught.value.first.hint == hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("010", "YAML would read 010 as 8; write 10 (or 8)"),
        ("-010", "YAML would read -010 as -8"),
        ("00", "YAML would read 00 as 0; write 0"),
        ("0_0", "write 0"),
        ("-1_0", None),
        ("-0x1f", None),
    ],
)
def test_a_number_that_the_key_refuses_is_not_in_the_hint_for_one_that_yaml_converts(
    text: str, hint: str | None
) -> None:
    with pytest.raises(DesignError) as caught:
        read_design("<text>", f"input: 8x8x3\nlayers:\n  - conv: {{filters: 4, pad: {text}}}\n")
    assert caught.value.first.hint == hint


def test_at_most_twenty_problems_are_shown_and_the_others_counted() -> None:
    with pytest.raises(DesignError) as caught:
        read_pattern("<text>", "INPUT -> " + " -> ".join(f"CNV{number}" for number in range(1, 26)))
    assert len(caught.value.problems) == 20
    assert caught.value.count == 25
    assert str(caught.value).endswith("\n\n... and 5 more problems")


def test_problems_come_in_the_order_of_the_text() -> None:
    with pytest.raises(DesignError) as caught:
        read_design(
            "<text>", "input: 8x8x8x8x8\nlayers:\n  - conv: {bas: no}\n  - cnv: 3\n  - conv: {filters: 0}\nlayer: 3\n"
        )
    assert [problem.span.line for problem in caught.value.problems if problem.span] == [1, 3, 4, 5, 6]


def test_consequences_of_a_mistake_are_not_reported() -> None:
    """After an unknown layer, neither wrong volumes nor unread layers are reported."""
    with pytest.raises(DesignError) as caught:
        read_pattern("<text>", "INPUT 8x8x3 -> CNV3-4 -> CONV3-5(groups=5) -> CONV3-4(inputs=@nobody) -> ADD(@input)")
    assert [problem.code for problem in caught.value.problems] == ["unknown-layer", "unknown-name"]
