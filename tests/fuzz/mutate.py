"""Changes in a call's text: what stands in it is replaced, dropped, doubled or put in disorder."""

import ast

from .calls import HOSTILE_INTS, INTS, NUMBERS, WORDS, Draw
from .values import DTYPES, FORMS


def parsed(text):
    return ast.parse(text, mode="eval").body


def is_tensor(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "T"


class Places(ast.NodeVisitor):
    """Every place of an expression that can be changed: (its value, a function that sets it)."""

    def __init__(self, root):
        self.found = []
        self.lists = []
        self.visit(root)

    def _add(self, items, i):
        self.found.append((items[i], lambda new: items.__setitem__(i, new)))

    def visit_Call(self, node):
        for i in range(len(node.args)):
            self._add(node.args, i)
        for k in node.keywords:
            self.found.append((k.value, lambda new, k=k: setattr(k, "value", new)))
        if not is_tensor(node):
            self.lists.append(node.args)
            self.lists.append(node.keywords)
        elif len(node.args) > 1:
            self.lists.append(node.args)
        self.generic_visit(node)

    def visit_Tuple(self, node):
        for i in range(len(node.elts)):
            self._add(node.elts, i)
        self.lists.append(node.elts)
        self.generic_visit(node)

    visit_List = visit_Tuple


def replacement(node, rng, draw):
    """The text of something hostile to stand where `node` does."""
    if rng.random() < 0.08:
        return draw.anything()
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    if is_tensor(node):
        dtype, form = (
            node.args[0],
            next((k.value for k in node.keywords if k.arg == "form"), ast.Constant("plain")),
        )
        sizes = ", ".join(map(ast.unparse, node.args[1:]))
        choice = rng.randrange(5)
        if choice == 0:
            return draw.tensor()
        if choice == 1:
            return (
                f"T({ast.unparse(dtype)}, {sizes}{', ' * bool(sizes)}form={ast.unparse(form)}).mT"
            )
        new_dtype = repr(rng.choice(DTYPES)) if choice == 2 else ast.unparse(dtype)
        new_form = ast.unparse(form) if choice == 2 else repr(rng.choice(FORMS))
        return f"T({new_dtype}, {sizes}{', ' * bool(sizes)}form={new_form})"
    if isinstance(node, ast.Constant):
        value = node.value
        if isinstance(value, bool):
            return repr(not value)
        if isinstance(value, int):
            return repr(rng.choice(INTS if rng.random() < 0.7 else HOSTILE_INTS))
        if isinstance(value, float):
            return rng.choice(NUMBERS)
        if value in DTYPES:
            return repr(rng.choice(DTYPES))
        if value in FORMS:
            return repr(rng.choice(FORMS))
        if isinstance(value, str):
            return repr(rng.choice(WORDS))
    if isinstance(node, (ast.Tuple, ast.List)):
        return rng.choice(("()", "[]", draw.ints(), draw.int(), draw.tensors(), draw.indices()))
    return draw.anything()


def mutated(text, rng):
    """The text with one change."""
    root = ast.Expression(parsed(text))
    draw = Draw(rng)
    places = Places(root)
    if rng.random() < 0.12 and places.lists:
        items = rng.choice(places.lists)
        if items and rng.random() < 0.7:
            i = rng.randrange(len(items))
            if isinstance(items[i], ast.keyword) or rng.random() < 0.5:
                del items[i]
            else:
                items.insert(i, items[i])
        elif not any(isinstance(x, ast.keyword) for x in items):
            items.append(parsed(draw.anything()))
    elif (
        rng.random() < 0.05
        and isinstance(root.body, ast.Call)
        and not any(k.arg == "out" for k in root.body.keywords)
    ):
        root.body.keywords.append(ast.keyword("out", parsed(draw.tensor())))
    elif places.found:
        node, put = rng.choice(places.found)
        put(parsed(replacement(node, rng, draw)))
    return ast.unparse(root)
