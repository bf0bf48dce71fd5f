"""Parses the text of a pattern into its syntax tree.

    architecture = chain
    chain        = item { "->" item }
    item         = unit [ "?" [ NAME | braces ] | "*" count [ "as" NAME { "," NAME } ] ]
    unit         = layer | "[" branch { "|" branch } "]" [ label ]
    branch       = [ chain ]
    count        = INTEGER | NAME | braces | list
    layer        = WORD [ first ] [ "-" value ] [ "/" value ] [ arguments ] { [":"] volume | label }

After an error inside a layer the parser continues after that layer, so that one run reports all errors.
"""

from __future__ import annotations

from cnncalc.errors import DesignError, Problem, Problems
from cnncalc.language.expression import DIVISION, RESERVED, VOLUME_NAMES, Code, ExpressionParser
from cnncalc.language.limits import NESTING
from cnncalc.language.syntax import (
    Argument,
    BlockParameter,
    GroupSyntax,
    Item,
    Label,
    LayerSyntax,
    Literal,
    Name,
    Operand,
    References,
)
from cnncalc.language.tokens import ARROW_HINT, Scanner, Token, arrow_at, wrong_arrow
from cnncalc.layers.keys import is_volume_size
from cnncalc.records import NamedTuple
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cnncalc.source import Span, Text

_CLOSERS = {"[": "]", "(": ")", "{": "}"}
MAX_SHOWN = 60
"""Characters of an item that a hint shows; a longer item is abbreviated."""
_START, _AFTER_ARROW, _AFTER_ITEM = range(3)
"""Where the parser stands in a chain: at its start, after a ``->``, or after an item."""


class _OpenGroup(NamedTuple):
    """A group whose ']' has not been read: its '[', the branches that are complete, and the chain around the group."""

    bracket: Token
    branches: list[tuple[Item, ...]]
    outer: list[Item]


def parse_pattern(text: Text) -> tuple[Item, ...]:
    """The items of a pattern; raises DesignError with all syntax errors in it."""
    return PatternParser(text, comments=True).architecture()


def parse_signature(text: Text) -> tuple[str, tuple[BlockParameter, ...]]:
    """The name and the parameters of a block, from ``inverted(t, d, s=1)``; raises DesignError."""
    return PatternParser(text).signature()


def parse_braces(text: Text) -> Code:
    """The expression of a text that is one expression in braces, ``{2*w}``; raises DesignError."""
    parser = PatternParser(text)
    if parser.token.type != "{":
        raise parser.error("expected '{'")
    code = parser.braces()
    parser.expect_end()
    return code


def parse_label(text: Text) -> Label:
    """A name in an architecture file, with or without ``@``: ``layer1.0``, ``m{i}``; raises DesignError."""
    if text.value.isascii() and text.value.replace("_", "a").isalnum():
        return Label((text.value,), text.span(0, len(text.value)))
    if not text.value.startswith("@"):
        from cnncalc.source import Text as SourceText

        value_at = (0, *(at + 1 for at in text.value_at))
        text = SourceText("@" + text.value, text.source, value_at, (text.source_at[0], *text.source_at))
    parser = PatternParser(text)
    if parser.token.type != "label":
        raise parser.error("a name holds letters, digits, '_', '-', '.' and '/'")
    label = parser.label()
    if parser.token.type != "end":
        raise parser.error("a name holds letters, digits, '_', '-', '.' and '/'")
    return label


class PatternParser:
    """Recursive-descent parser: each method reads one rule of the grammar, which its docstring gives."""

    def __init__(self, text: Text, *, comments: bool = False) -> None:
        self.text = text
        self.tokens = Scanner(text, comments=comments).tokens()
        self.at = 0
        self.problems = Problems()

    @property
    def token(self) -> Token:
        """The next token."""
        return self.tokens[self.at]

    def span(self, start: Token, end: Token | None = None) -> Span:
        """The span from the start of a token to the end of another one (None: of the same)."""
        return self.text.span(start.start, (end or start).end)

    def error(self, message: str, token: Token | None = None, hint: str | None = None) -> DesignError:
        """A syntax error at a token (None: the next one)."""
        token = token or self.token
        if token.type == "end":
            stop = len(self.text.value.rstrip())
            span = self.text.span(max(0, stop - 1), stop)
        else:
            span = self.span(token)
        return DesignError([Problem("pattern-syntax", message, span, hint)])

    def found(self) -> str:
        """The text of the next token, as messages show it."""
        token = self.token
        if token.type == "end":
            return "the end"
        return f"'{self.text.value[token.start : token.end]}'"

    def expect_end(self) -> None:
        """Raises DesignError unless all tokens are read."""
        if self.token.type != "end":
            raise self.error(f"expected the end, found {self.found()}")

    # chains and groups

    def architecture(self) -> tuple[Item, ...]:
        """architecture = chain

        Open groups are kept in a list, not on Python's stack, which deep nesting would exhaust.
        """
        groups: list[_OpenGroup] = []
        chain: list[Item] = []
        state = _START
        while True:
            mark = self.token.type
            if mark == "word" and state != _AFTER_ITEM:
                self._add(chain, None)
                state = _AFTER_ITEM
            elif mark == "->" and state == _AFTER_ITEM:
                self.at += 1
                state = _AFTER_ARROW
            elif mark == "[" and state != _AFTER_ITEM:
                groups.append(self._open(len(groups), chain))
                chain, state = [], _START
            elif mark in ("|", "]") and groups and state != _AFTER_ARROW:
                chain, state = self._end_branch(groups, chain)
            elif mark == "end" and state == _AFTER_ITEM and not groups:
                break
            else:
                raise DesignError([*self.problems, *self._unexpected(groups, state).every])
        if self.problems:
            raise DesignError(self.problems)
        return tuple(chain)

    def _add(self, chain: list[Item], group: GroupSyntax | None) -> None:
        """Adds the item of a group (None: of the next layer) to a chain; after an error skips the item."""
        start = self.at
        try:
            chain.append(self.item(self.layer() if group is None else group))
        except DesignError as error:
            self.problems += error.every
            self.at = start
            self._skip()

    def _open(self, depth: int, chain: list[Item]) -> _OpenGroup:
        if depth == NESTING:
            raise DesignError([Problem("limit", f"brackets nest at most {NESTING} deep", self.span(self.token))])
        self.at += 1
        return _OpenGroup(self.tokens[self.at - 1], [], chain)

    def _end_branch(self, groups: list[_OpenGroup], chain: list[Item]) -> tuple[list[Item], int]:
        """Ends a branch and, at a ']', its group; returns the chain to which the next item belongs, and the state."""
        groups[-1].branches.append(tuple(chain))
        self.at += 1
        if self.tokens[self.at - 1].type == "|":
            return [], _START
        group = groups.pop()
        unit = GroupSyntax(tuple(group.branches), self.optional_label(), self.span(group.bracket))
        self._add(group.outer, unit)
        return group.outer, _AFTER_ITEM

    def _missing_item(self, groups: list[_OpenGroup]) -> DesignError:
        if self.token.type == "end" and groups:
            return self.error("this '[' is never closed", groups[-1].bracket)
        if self.token.type == "end" and not self.at:
            return DesignError([Problem("pattern-syntax", "the pattern is empty", self.text.span(0, 1))])
        self._refuse_mapping()
        after = "'->' must be followed by" if self.at and self.tokens[self.at - 1].type == "->" else "expected"
        hints = {"(": "a group is written in [ ]", "{": "a group is written in [ ]"}
        if self.tokens[min(self.at + 1, len(self.tokens) - 1)].type == "*":
            hints["integer"] = "a repeat has its count last: [CONV -> RELU]*2"
        return self.error(f"{after} a layer or '[', found {self.found()}", hint=hints.get(self.token.type))

    def _unexpected(self, groups: list[_OpenGroup], state: int) -> DesignError:
        """The error for a token that is not allowed in this state."""
        if state != _AFTER_ITEM:
            return self._missing_item(groups)
        arrow = arrow_at(self.text.value, self.token.start)
        if arrow:
            return self._wrong_arrow(arrow, self.token.start)
        if self.token.type == "end":
            return self.error("this '[' is never closed", groups[-1].bracket)
        if self.token.type == "|":
            return self.error("'|' separates branches and is only valid inside [ ]")
        if self.token.type == "]":
            return self.error("unmatched ']'")
        expected = "'->', '|' or ']'" if groups else "'->'"
        hint = None
        if self.token.type == "label":  # a label after '*' or '?': an item has its label before these
            hint = f"put what the name refers to into brackets: [{self._last_item()}]{self.found()[1:-1]}"
        elif self._repeats_with_x():
            hint = f"a repeat is written *{self.token.value[1:]}"
        elif self.token.type == "," and self._is_size_of_input():
            hint = "a size is written with x, as 9x9x3"
        elif self._continues_a_size():
            hint = "a size is written without blanks, as 9x9x3"
            if self.tokens[self.at - 1].type == "}" or self.tokens[self.at + 1].type == "{":
                hint = "sizes of which one is an expression are a list in braces, as in CONV{[k, 1]}"
        return self.error(f"expected {expected}, found {self.found()}", hint=hint)

    def _continues_a_size(self) -> bool:
        """Whether the next token is ``x`` or ``x3`` after a size, as in ``CONV{k}x3`` and ``INPUT 9x9x{d}``."""
        is_size = self.tokens[self.at - 1].type in ("}", "integer", "size")
        if not is_size or self.token.type != "word" or self.token.value[0] not in "x\u00d7":
            return False
        return self.token.value[1:2] in ("", *"0123456789")

    def _repeats_with_x(self) -> bool:
        """Whether the next token is the ``x3`` or ``xN`` of ``[..]x3``."""
        if self.token.type != "word" or self.tokens[self.at - 1].type != "]":
            return False
        sign, count = self.token.value[0], self.token.value[1:]
        return sign in "xX\u00d7" and (count.isdigit() or (len(count) == 1 and count.isalpha()))

    def _is_size_of_input(self) -> bool:
        """Whether the next token follows the first number of ``INPUT 9,9,3``."""
        word, number = self.tokens[max(0, self.at - 2)], self.tokens[self.at - 1]
        return number.type == "integer" and word.type == "word" and word.value.upper() == "INPUT"

    def _last_item(self) -> str:
        """The text of the item before the next token; a long one is abbreviated to ``[...]*2``."""
        at, depth, suffix = self.at, 0, self.at
        while at and (depth or self.tokens[at - 1].type not in ("->", "[", "|")):
            at -= 1
            kind = self.tokens[at].type
            depth += (kind in _CLOSERS.values()) - (kind in _CLOSERS)
            suffix = at if not depth and kind in ("*", "?") else suffix
        start, stop = self.tokens[at].start, self.token.start
        if stop - start > MAX_SHOWN:
            return "[...]" + self.text.value[self.tokens[suffix].start : stop].strip()
        return self.text.value[start:stop].strip()

    def _wrong_arrow(self, arrow: str, start: int) -> DesignError:
        span = self.text.span(start, start + len(arrow))
        return DesignError([Problem("pattern-syntax", wrong_arrow(arrow), span, ARROW_HINT)])

    def _skip(self) -> None:
        """Moves on to the end of the item: the next '->', or the next '|' or ']' outside of the item's own brackets."""
        depth = 0
        outside: list[int] = []
        """The depth at each open '('; at its ')' the depth is that again, whatever brackets are open inside."""
        while self.token.type not in ("end", "->"):
            kind = self.token.type
            if depth == 0 and kind in ("|", "]"):
                return
            depth += (kind == "[") - (kind == "]")
            if kind == "(":
                outside.append(depth)
            elif kind == ")" and outside:
                depth = outside.pop()
            self.at += 1

    def item(self, unit: LayerSyntax | GroupSyntax) -> Item:
        """item = unit [ "?" [ NAME | braces ] | "*" count [ "as" NAME { "," NAME } ] ]"""
        token = self.token
        if token.type == "?":
            self.at += 1
            condition: Name | Code | None = None
            if self.token.type == "word":
                condition = self.name()
            elif self.token.type == "{":
                condition = self.braces()
            item = Item(unit, True, condition, suffix_span=self.span(token, self.tokens[self.at - 1]))
        elif token.type == "*":
            self.at += 1
            count = self.count()
            names = self.loop_names() if self.token.type == "word" and self.token.value == "as" else ()
            item = Item(unit, times=count, names=names, suffix_span=self.span(token, self.tokens[self.at - 1]))
        else:
            return Item(unit)
        if self.token.type in ("?", "*", "**"):
            is_size = isinstance(unit, LayerSyntax) and unit.word.upper() == "INPUT"
            hint = "a size is written with x, as 9x9x3" if is_size else "put the item into [ ] to repeat it again"
            raise self.error("only one '?' or '*' is allowed after an item", hint=hint)
        return item

    def count(self) -> Literal | Name | Code:
        """count = INTEGER | NAME | braces | list"""
        token = self.token
        if token.type == "integer":
            self.at += 1
            return Literal(token.value, self.span(token))
        if token.type == "word":
            return self.name()
        if token.type == "{":
            return self.braces()
        if token.type == "[":
            return self.expression()
        message = f"'*' must be followed by a number, a name, a list or braces, found {self.found()}"
        raise self.error(message, hint="a list needs its brackets: *[2x64]" if token.type == "size" else None)

    def loop_names(self) -> tuple[str, ...]:
        """ "as" NAME { "," NAME }"""
        names = []
        while True:
            self.at += 1
            token = self.token
            if token.type != "word":
                raise self.error(f"'as' must be followed by a name, found {self.found()}")
            check_name(token.value, self.span(token))
            if token.value in names:
                raise self.error(f"'{token.value}' is repeated after 'as'")
            names.append(token.value)
            self.at += 1
            if self.token.type != ",":
                return tuple(names)

    # layers

    def layer(self) -> LayerSyntax:
        """layer = WORD [ first ] [ "-" value ] [ "/" value ] [ arguments ] { [":"] volume | label }"""
        head = self.token
        self.at += 1
        first: Operand | None = None
        dash: Operand | None = None
        slash: Operand | None = None
        if self.token.type in ("integer", "size"):
            first = self.literal()
        elif self.token.type == "{":
            self._refuse_mapping(head.value)
            first = self.braces()
        if self.token.type == "-":
            self.at += 1
            dash = self.value("-")
        if self.token.type == "/":
            self.at += 1
            slash = self.value("/")
        arguments: tuple[Argument, ...] = ()
        references: tuple[Label, ...] = ()
        if self.token.type == "(":
            arguments, references = self.arguments()
        span = self.span(head, self.tokens[self.at - 1])
        stated = stated_span = label = None
        while self.token.type in (":", "[", "label"):
            if self.token.type == "label":
                if label is not None:
                    raise self.error("a layer can have only one name")
                label = self.label()
                continue
            if stated is not None:
                raise self.error("a layer can have only one stated volume")
            stated, stated_span = self.volume()
        return LayerSyntax(head.value, span, first, dash, slash, arguments, references, stated, stated_span, label)

    def _refuse_mapping(self, word: str = "") -> None:
        """Raises DesignError for keys in braces, as files have them; ``word`` is the text before the braces."""
        if self.token.type == "{":
            from cnncalc.language.mappings import is_mapping, mapping_hint

            text, at = self.text.value, self.token.start
            if is_mapping(text, at):
                raise self.error(
                    "keys in braces are for architecture files, not for patterns", hint=mapping_hint(text, at, word)
                )

    def volume(self) -> tuple[Volume, Span]:
        """[":"] "[" SIZE "]" """
        colon = self.token.type == ":"
        if colon:
            self.at += 1
        opened = self.token
        size = self.tokens[self.at + 1] if opened.type == "[" else opened
        closed = self.tokens[self.at + 2] if size.type == "size" and size is not opened else size
        if opened.type != "[" or size.type != "size" or closed.type != "]":
            if colon:
                self._refuse_mapping(self.text.value[: opened.start])
                raise self.error("':' must be followed by a volume such as [224x224x64]", opened)
            raise self.error("expected '->' before this '['", opened, "a volume is written [224x224x64]")
        if not is_volume_size(size.value) or min(size.value) < 1:
            message = "a volume has two to four parts of at least 1, its sides and its depth, as height x width x depth"
            raise self.error(f"{message}, found {self.text.value[size.start : size.end]}", size)
        self.at += 3
        return Volume(*size.value), self.span(opened, closed)

    def value(self, mark: str) -> Operand:
        """value = INTEGER | SIZE | NAME | braces"""
        token = self.token
        if token.type in ("integer", "size"):
            return self.literal()
        if token.type == "word":
            return self.name()
        if token.type == "{":
            return self.braces()
        start = self.tokens[self.at - 1].start
        arrow = arrow_at(self.text.value, start)
        if arrow:
            raise self._wrong_arrow(arrow, start)
        raise self.error(f"'{mark}' must be followed by a number, a name or braces, found {self.found()}")

    def arguments(self) -> tuple[tuple[Argument, ...], tuple[Label, ...]]:
        """arguments = "(" [ argument { "," argument } [ "," ] ] ")" """
        opened = self.token
        self.at += 1
        arguments: list[Argument] = []
        references: list[Label] = []
        while self.token.type != ")":
            if self.token.type in ("end", "->"):
                raise self.error("this '(' is never closed", opened)
            start = self.token
            key = None
            if start.type == "word" and self.tokens[self.at + 1].type == "=":
                key = start.value
                self.at += 2
            if self.token.type == "label" and key is None:
                references.append(self.label())
            else:
                value = self.argument_value()
                arguments.append(Argument(key, value, self.span(start, self.tokens[self.at - 1])))
            if self.token.type == ",":
                self.at += 1
            elif self.token.type in ("end", "->"):
                raise self.error("this '(' is never closed", opened)
            elif self.token.type != ")":
                hint = None
                if self.token.type in ("+", "-", "*", "//", "/", "%", "**", "=="):
                    hint = "an expression needs braces: {2*w}"
                raise self.error(f"expected ',' or ')', found {self.found()}", hint=hint)
        self.at += 1
        return tuple(arguments), tuple(references)

    def argument_value(self) -> Operand:
        """value = [ "-" ] NUMBER | SIZE | NAME | braces | list | label | "[" label { "," label } "]" """
        token = self.token
        if token.type in ("integer", "size", "decimal"):
            return self.literal()
        if token.type == "-":
            self.at += 1
            number = self.token
            if number.type not in ("integer", "decimal"):
                raise self.error(f"'-' must be followed by a number, found {self.found()}")
            self.at += 1
            return Literal(-number.value, self.span(token, number))
        if token.type == "word":
            return self.name()
        if token.type == "{":
            return self.braces()
        if token.type == "label":
            label = self.label()
            return References((label,), label.span)
        if token.type == "[" and self.tokens[self.at + 1].type == "label":
            return self.reference_list()
        if token.type == "[":
            return self.expression()
        hint = "a size is written 3x3, a list [3, 3]" if token.type == "(" else None
        raise self.error(f"expected a value, found {self.found()}", hint=hint)

    def reference_list(self) -> References:
        """ "[" label { "," label } "]" """
        opened = self.token
        labels = []
        while True:
            self.at += 1
            if self.token.type != "label":
                raise self.error(f"expected '@' and a name, found {self.found()}")
            labels.append(self.label())
            if self.token.type == "]":
                self.at += 1
                return References(tuple(labels), self.span(opened, self.tokens[self.at - 1]))
            if self.token.type != ",":
                raise self.error(f"expected ',' or ']', found {self.found()}")

    def literal(self) -> Literal:
        """INTEGER | SIZE | DECIMAL"""
        token = self.token
        self.at += 1
        return Literal(token.value, self.span(token))

    def name(self) -> Name:
        """NAME"""
        token = self.token
        self.at += 1
        return Name(token.value, self.span(token))

    def braces(self) -> Code:
        """braces = "{" expression "}" """
        opened = self.token
        self.at += 1
        parser = ExpressionParser(self.text, self.tokens, self.at)
        code = parser.parse()
        self.at = parser.at
        if self.token.type in ("end", "->"):
            raise self.error("this '{' is never closed", opened)
        if self.token.type != "}":
            hint = DIVISION if self.token.type == "/" else None
            raise self.error(f"expected '}}' or an operator, found {self.found()}", hint=hint)
        self.at += 1
        return code._replace(span=self.span(opened, self.tokens[self.at - 1]))

    def expression(self) -> Code:
        """operand of an expression, without braces around it"""
        parser = ExpressionParser(self.text, self.tokens, self.at)
        code = parser.parse_operand()
        self.at = parser.at
        return code

    def label(self) -> Label:
        """label = "@" name characters, in which braces hold an expression"""
        token = self.token
        self.at += 1
        parts: list[str | Code] = []
        for part in token.value:
            if isinstance(part, str):
                parts.append(part)
                continue
            parser = ExpressionParser(self.text, part)
            parts.append(parser.parse())
            left = part[parser.at]
            if left.type != "end":
                raise self.error(f"expected '}}' or an operator, found '{left.value}'", left)
        return Label(tuple(parts), self.span(token))

    def optional_label(self) -> Label | None:
        """[ label ]"""
        return self.label() if self.token.type == "label" else None

    # blocks

    def signature(self) -> tuple[str, tuple[BlockParameter, ...]]:
        """signature = WORD [ "(" [ parameter { "," parameter } [ "," ] ] ")" ]"""
        head = self.token
        if head.type != "word":
            raise self.error("a block begins with its name, as in bottleneck(w, s=1)")
        self.at += 1
        parameters: list[BlockParameter] = []
        if self.token.type == "(":
            opened = self.token
            self.at += 1
            while self.token.type != ")":
                parameters.append(self.parameter(parameters))
                if self.token.type == ",":
                    self.at += 1
                elif self.token.type == "end":
                    raise self.error("this '(' is never closed", opened)
                elif self.token.type != ")":
                    raise self.error(f"expected ',' or ')', found {self.found()}")
            self.at += 1
        self.expect_end()
        return head.value, tuple(parameters)

    def parameter(self, before: list[BlockParameter]) -> BlockParameter:
        """parameter = NAME [ "=" value ]"""
        token = self.token
        if token.type != "word":
            raise self.error(f"expected the name of a parameter, found {self.found()}")
        check_name(token.value, self.span(token))
        if any(token.value == parameter.name for parameter in before):
            raise self.error(f"the parameter '{token.value}' is repeated")
        self.at += 1
        if self.token.type == "=":
            self.at += 1
            return BlockParameter(token.value, self.argument_value())
        if before and before[-1].default is not None:
            raise self.error(f"'{token.value}' needs a default, since the parameter before it has one", token)
        return BlockParameter(token.value, None)


def check_name(name: str, span: Span | None, *, may_hide: bool = False) -> None:
    """Raises DesignError for a reserved word as the name of a variable or parameter.

    ``may_hide``: ``depth``, ``height`` and the like are allowed; the variable then hides that size of the volume.
    """
    if name in RESERVED and not (may_hide and name in VOLUME_NAMES):
        message = f"'{name}' is reserved and cannot be the name of a variable"
        raise DesignError([Problem("reserved-name", message, span)])
